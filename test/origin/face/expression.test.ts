import { describe, expect, it } from 'vitest'
import { ExpressionAnimator } from '../../../origin/face/expression.ts'
import { FaceBlender } from '../../../origin/face/face-blender.ts'
import { EXPRESSIONS, FACE_PARAMS, VISEMES } from '../../../shared/face.ts'

const at = (values: Float32Array | undefined, name: (typeof EXPRESSIONS)[number]): number => values?.[EXPRESSIONS.indexOf(name)] ?? 0
const mouth = (shape: (typeof VISEMES)[number]): Float32Array => Float32Array.from(VISEMES, (name) => (name === shape ? 1 : 0))

describe('ExpressionDriver', () => {
  it('eases into an emotion and back, and then leaves the frame alone', () => {
    const driver = new ExpressionAnimator()
    expect(driver.next()).toEqual({ values: undefined, nodDegrees: 0 })
    driver.emotion = 'happy'
    const smiles = Array.from({ length: 40 }, () => at(driver.next().values, 'smile'))
    expect(smiles).toEqual([...smiles].sort((a, b) => a - b))
    expect(smiles[0]).toBeLessThan(0.2)
    expect(smiles.at(-1)).toBe(0.75)
    driver.emotion = 'neutral'
    const after = Array.from({ length: 60 }, () => driver.next())
    expect(after.at(-1)?.values).toBeUndefined()
  })

  it('glances for as long as the cue says', () => {
    const driver = new ExpressionAnimator()
    driver.act({ type: 'gaze', at_ms: 0, value: { x: 1, y: -0.5 }, duration_ms: 400 })
    const gaze = Array.from({ length: 30 }, () => at(driver.next().values, 'gaze_x'))
    expect(Math.max(...gaze.slice(0, 10))).toBeGreaterThan(0.95)
    expect(gaze.at(-1)).toBe(0)
  })

  it('nods down and up again in the time given, and keeps the eyes on the viewer', () => {
    const driver = new ExpressionAnimator()
    driver.act({ type: 'nod', at_ms: 0, value: 6, duration_ms: 480 })
    const faces = Array.from({ length: 12 }, () => driver.next())
    const degrees = faces.map(({ nodDegrees }) => nodDegrees)
    expect(degrees[5]).toBeCloseTo(6)
    expect(degrees.slice(0, 6)).toEqual(degrees.slice(0, 6).sort((a, b) => a - b))
    for (const [i, value] of degrees.slice(0, 5).entries()) expect(value).toBeCloseTo(Number(degrees[10 - i]))
    expect(at(faces[5]?.values, 'gaze_y')).toBeCloseTo(0.5)
    expect(faces[11]).toEqual({ values: undefined, nodDegrees: 0 })
  })

  it('adds up nods that meet, within what a frame carries, and takes no endless number of them', () => {
    const driver = new ExpressionAnimator()
    for (let i = 0; i < 50; i++) driver.act({ type: 'nod', at_ms: 0, value: -5, duration_ms: 400 })
    const degrees = Array.from({ length: 12 }, () => driver.next().nodDegrees)
    expect(Math.min(...degrees)).toBe(-8)
    expect(degrees.at(-1)).toBe(0)
  })

  it('looks away in thought only while an answer is slow, and back when it comes', () => {
    const driver = new ExpressionAnimator()
    const quick = Array.from({ length: 6 }, () => driver.next({ thinking: true }))
    expect(quick.every(({ values }) => values === undefined)).toBe(true)
    const slow = Array.from({ length: 80 }, () => driver.next({ thinking: true }).values)
    const sides = slow.map((values) => at(values, 'gaze_x'))
    expect(Math.max(...sides)).toBeGreaterThan(0.25)
    expect(Math.min(...sides)).toBeLessThan(-0.25)
    expect(at(slow.at(-1), 'brow_up')).toBeGreaterThan(0.1)
    expect(Math.max(...slow.map((values) => at(values, 'gaze_y')))).toBeLessThan(0.4)
    const after = Array.from({ length: 60 }, () => driver.next())
    expect(after.at(-1)?.values).toBeUndefined()
  })

  it('keeps the emotion that was asked for while it thinks', () => {
    const driver = new ExpressionAnimator()
    driver.emotion = 'happy'
    const faces = Array.from({ length: 60 }, () => driver.next({ thinking: true }).values)
    expect(at(faces.at(-1), 'smile')).toBe(0.75)
    expect(at(faces.at(-1), 'gaze_x')).toBe(0)
  })
})

describe('FaceBlender', () => {
  it('shows the clip itself until something moves', () => {
    expect(new FaceBlender().next(undefined)).toEqual({ face: undefined, blend: 0 })
  })

  it('closes the mouth within three frames and then fades into the clip', () => {
    const driver = new FaceBlender()
    for (let i = 0; i < 5; i++) driver.next(mouth('aa'))
    const open = Array.from({ length: 8 }, () => driver.next(undefined))
    expect(open.slice(0, 3).map(({ face }) => Math.round(100 * (face?.[VISEMES.indexOf('aa')] ?? 0)))).toEqual([50, 15, 0])
    expect(open.at(-1)?.face).toBeUndefined()
  })

  it('keeps an expression on the face while the mouth rests', () => {
    const driver = new FaceBlender()
    const smile = Float32Array.from(EXPRESSIONS, (name) => (name === 'smile' ? 0.5 : 0))
    driver.next(undefined, smile)
    const { face, blend } = driver.next(undefined, smile)
    expect(blend).toBe(1)
    expect(face?.[FACE_PARAMS.indexOf('smile')]).toBe(0.5)
    expect(face?.[0]).toBe(1)
  })
})
