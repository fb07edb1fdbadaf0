import { describe, expect, it } from 'vitest'
import { Animator, type Moment, type Shown } from '../../../origin/face/animator.ts'

const pictures = (animator: Animator, count: number, status: Moment['status']): Shown[] =>
  Array.from({ length: count }, () => animator.next({ mouth: undefined, status }))
/** Share of the listening clip that a picture shows. */
const listening = ({ clip, toward }: Shown): number => (clip === 'listening' ? 1 : (toward?.share ?? 0))

describe('Animator', () => {
  it('counts pictures on, whatever is shown', () => {
    const animator = new Animator()
    const shown = [...pictures(animator, 5, 'idle'), ...pictures(animator, 20, 'listening'), ...pictures(animator, 5, 'speaking')]
    expect(shown.map(({ frame }) => frame)).toEqual(Array.from({ length: 30 }, (_, i) => i + 1))
  })

  it('glides into the listening pose within half a second, slowly at both ends, and stays', () => {
    const animator = new Animator()
    expect(pictures(animator, 3, 'idle').map(listening)).toEqual([0, 0, 0])
    const shares = pictures(animator, 20, 'listening').map(listening)
    expect(shares).toEqual([...shares].sort((a, b) => a - b))
    expect(shares.indexOf(1)).toBe(11)
    expect(shares[0]).toBeLessThan(0.03)
    expect(shares[10]).toBeGreaterThan(0.97)
    expect(Math.max(...shares.map((share, i) => share - (shares[i - 1] ?? 0)))).toBeLessThan(0.15)
  })

  it('turns round midway without a jump when she is to speak', () => {
    const animator = new Animator()
    const there = pictures(animator, 6, 'listening').map(listening)
    const back = pictures(animator, 8, 'speaking').map(listening)
    expect(back.slice(0, 5)).toEqual(there.slice(0, 5).reverse())
    expect(back.at(-1)).toBe(0)
  })

  it('hands on a nod and nothing where there is none', () => {
    const animator = new Animator()
    expect(animator.next({ mouth: undefined, status: 'idle' })).toEqual({ clip: 'idle', frame: 1 })
    animator.act({ type: 'nod', at_ms: 0, value: 4, duration_ms: 400 })
    const nods = pictures(animator, 20, 'speaking').map(({ nodDegrees = 0 }) => nodDegrees)
    expect(Math.max(...nods)).toBeCloseTo(4)
    expect(nods.at(-1)).toBe(0)
  })

  it('looks away while it thinks', () => {
    const animator = new Animator()
    expect(pictures(animator, 30, 'thinking').at(-1)?.face).toBeDefined()
    expect(pictures(animator, 60, 'speaking').at(-1)?.face).toBeUndefined()
  })
})
