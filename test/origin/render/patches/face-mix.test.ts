import { describe, expect, it } from 'vitest'
import { FACE_STEP, faceDistance, mixFace, modelInputs } from '../../../../origin/render/patches/face-mix.ts'
import { FACE_PARAMS, type FaceParam } from '../../../../shared/face.ts'

function face(values: Partial<Record<FaceParam, number>>): Float32Array {
  return Float32Array.from(FACE_PARAMS, (name) => values[name] ?? 0)
}
const index = (name: FaceParam): number => FACE_PARAMS.indexOf(name)
const at = (values: Float32Array, name: FaceParam): number => Number(values[index(name)])

describe('mixFace', () => {
  it('closes the eyes as far as the clip or the caller does', () => {
    expect(at(mixFace(face({ sil: 1, blink: 0.8 }), face({ aa: 1 })), 'blink')).toBeCloseTo(0.8)
    expect(at(mixFace(face({ sil: 1, blink: 0.3 }), face({ aa: 1, blink: 0.5 })), 'blink')).toBeCloseTo(0.5)
  })

  it("takes the caller's visemes, and the clip's where the caller sets none", () => {
    const spoken = mixFace(face({ sil: 1 }), face({ aa: 0.7, oh: 0.3 }))
    expect([at(spoken, 'sil'), at(spoken, 'aa'), at(spoken, 'oh')].map((value) => Math.round(value * 100))).toEqual([0, 70, 30])
    expect(at(mixFace(face({ sil: 1 }), face({ smile: 0.2 })), 'sil')).toBe(1)
  })

  it('adds expressions within their range', () => {
    const mixed = mixFace(
      face({ smile: 0.7, gaze_x: -0.8, gaze_y: 0.4, brow_up: 0.1 }),
      face({ smile: 0.6, gaze_x: -0.9, gaze_y: -0.6, brow_up: -0.4 }),
    )
    expect(at(mixed, 'smile')).toBe(1)
    expect(at(mixed, 'gaze_x')).toBe(-1)
    expect(at(mixed, 'gaze_y')).toBeCloseTo(-0.2)
    expect(at(mixed, 'brow_up')).toBe(0)
  })
})

describe('model inputs', () => {
  it('come in the order of the model, with the gain on shapes but not on rest or expressions', () => {
    const row = modelInputs([index('blink'), index('aa'), index('sil')], 1.25, face({ sil: 0.5, aa: 0.5, blink: 0.5 }))
    expect([...row]).toEqual([0.5, 0.625, 0.5])
  })

  it('are rounded, so that faces which cannot be told apart are equal', () => {
    const a = modelInputs([index('aa')], 1, face({ aa: 0.5 }))
    const b = modelInputs([index('aa')], 1, face({ aa: 0.5 + FACE_STEP / 3 }))
    expect(b).toEqual(a)
  })

  it('count as different only where the model looks', () => {
    expect(faceDistance([index('blink'), index('brow_up')], face({ sil: 1 }), face({ aa: 1 }))).toBe(0)
    expect(faceDistance([index('blink'), index('brow_up')], face({ blink: 0.25 }), face({ blink: 1 }))).toBe(0.75)
  })
})
