import { describe, expect, it } from 'vitest'
import { Animator, type Moment, type Shown } from '../../../origin/face/animator.ts'
import { faceValue } from '../../support/signals/face-values.ts'

const frames = (animator: Animator, count: number, status: Moment['status']): Shown[] =>
  Array.from({ length: count }, () => animator.next({ mouth: undefined, status }))
/** Share of the listening clip that a frame shows. */
const listening = ({ clip, toward }: Shown): number => (clip === 'listening' ? 1 : (toward?.share ?? 0))

describe('Animator', () => {
  it('counts frames on, whatever is shown', () => {
    const animator = new Animator()
    const shown = [...frames(animator, 5, 'idle'), ...frames(animator, 20, 'listening'), ...frames(animator, 5, 'speaking')]
    expect(shown.map(({ frame }) => frame)).toEqual(Array.from({ length: 30 }, (_, i) => i + 1))
  })

  it('glides into the listening pose within half a second, slowly at both ends, and stays', () => {
    const animator = new Animator()
    expect(frames(animator, 3, 'idle').map(listening)).toEqual([0, 0, 0])
    const shares = frames(animator, 20, 'listening').map(listening)
    expect(shares).toEqual([...shares].sort((a, b) => a - b))
    expect(shares.indexOf(1)).toBe(11)
    expect(shares[0]).toBeLessThan(0.03)
    expect(shares[10]).toBeGreaterThan(0.97)
    expect(Math.max(...shares.map((share, i) => share - (shares[i - 1] ?? 0)))).toBeLessThan(0.15)
  })

  it('turns round midway without a jump when she is to speak', () => {
    const animator = new Animator()
    const there = frames(animator, 6, 'listening').map(listening)
    const back = frames(animator, 8, 'speaking').map(listening)
    expect(back.slice(0, 5)).toEqual(there.slice(0, 5).reverse())
    expect(back.at(-1)).toBe(0)
  })

  it('hands on a nod and nothing where there is none', () => {
    const animator = new Animator()
    expect(animator.next({ mouth: undefined, status: 'idle' })).toEqual({ clip: 'idle', frame: 1 })
    animator.act({ type: 'nod', at_ms: 0, value: 4, duration_ms: 400 })
    const nods = frames(animator, 20, 'speaking').map(({ nodDegrees = 0 }) => nodDegrees)
    expect(Math.max(...nods)).toBeCloseTo(4)
    expect(nods.at(-1)).toBe(0)
  })

  it('looks away while it thinks', () => {
    const animator = new Animator()
    const away = frames(animator, 30, 'thinking').at(-1)?.face
    expect(Math.abs(faceValue(away, 'gaze_x'))).toBeGreaterThan(0.15)
    expect(faceValue(away, 'gaze_y')).toBeGreaterThan(0.15)
    expect(frames(animator, 60, 'speaking').at(-1)?.face).toBeUndefined()
  })
})
