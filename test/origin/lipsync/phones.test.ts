import { describe, expect, it } from 'vitest'
import { mouthFromPhones } from '../../../origin/lipsync/phones.ts'
import type { Phone } from '../../../origin/providers/tts/types.ts'
import { VISEMES, type Viseme } from '../../../shared/face.ts'

/** Phones from `name:end` pairs, as the engine prints them. */
function phones(text: string): Phone[] {
  let startS = 0
  return text.split(' ').map((pair) => {
    const [name = '', end] = pair.split(':')
    const phone = { name, startS, endS: Number(end) }
    startS = phone.endS
    return phone
  })
}
const at = (mouth: Float32Array, seconds: number, viseme: Viseme) =>
  mouth[Math.round(seconds * 50) * VISEMES.length + VISEMES.indexOf(viseme)] ?? Number.NaN
const rowsOf = (mouth: Float32Array) => mouth.length / VISEMES.length
const strongest = (mouth: Float32Array, seconds: number) =>
  VISEMES.reduce((best, viseme) => (at(mouth, seconds, viseme) > at(mouth, seconds, best) ? viseme : best))

// "Peter Piper": p iy t er p ay p er
const PIPER = phones('pau:0.04 p:0.14 iy:0.22 t:0.27 er:0.37 p:0.44 ay:0.58 p:0.63 er:0.75 pau:0.97')

describe('mouth from phones', () => {
  it('covers the sound with rows that sum to 1', () => {
    for (const durationS of [0.97, 1, 0.5, 0.0201, 1.1]) {
      const mouth = mouthFromPhones(PIPER, durationS)
      expect(rowsOf(mouth)).toBe(Math.ceil(durationS * 50 - 1e-9))
      for (let row = 0; row < rowsOf(mouth); row++) {
        const weights = mouth.subarray(row * VISEMES.length, (row + 1) * VISEMES.length)
        expect(weights.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 4)
        expect(Math.min(...weights)).toBeGreaterThanOrEqual(0)
      }
    }
  })

  it('closes the lips in the middle of every p, b and m, for at least two rows', () => {
    const mouth = mouthFromPhones(PIPER, 0.97)
    for (const middle of [0.09, 0.405, 0.605]) {
      expect(at(mouth, middle, 'PP')).toBeGreaterThanOrEqual(0.9)
      const closed = [-2, -1, 0, 1, 2].filter((offset) => at(mouth, (Math.round(middle * 50) + offset) / 50, 'PP') >= 0.9)
      expect(closed.length).toBeGreaterThanOrEqual(2)
    }
  })

  it('opens the lips between two closures', () => {
    expect(at(mouthFromPhones(PIPER, 0.97), 0.5, 'PP')).toBeLessThan(0.2)
  })

  it('keeps the lips shut through two closures in a row', () => {
    const mouth = mouthFromPhones(phones('ah:0.1 m:0.17 b:0.23 er:0.4'), 0.4)
    for (const seconds of [0.14, 0.16, 0.18, 0.2]) expect(at(mouth, seconds, 'PP')).toBeGreaterThan(0.9)
  })

  it('bites the lip in f and v', () => {
    const mouth = mouthFromPhones(phones('pau:0.04 f:0.14 ay:0.3 v:0.36 pau:0.6'), 0.6)
    expect(at(mouth, 0.09, 'FF')).toBeGreaterThanOrEqual(0.8)
    expect(at(mouth, 0.33, 'FF')).toBeGreaterThanOrEqual(0.8)
  })

  it('bites the lip and then closes it where f or v meets p, b or m', () => {
    const mouth = mouthFromPhones(phones('pau:0.04 ah:0.12 v:0.17 p:0.23 ey:0.4 pau:0.6'), 0.6)
    expect(at(mouth, 0.14, 'FF')).toBeGreaterThanOrEqual(0.8)
    expect(at(mouth, 0.2, 'PP')).toBeGreaterThanOrEqual(0.9)
  })

  it('rests in pauses and at the end, and is open in between', () => {
    const mouth = mouthFromPhones(phones('pau:0.04 aa:0.3 pau:0.55 aa:0.8 pau:1.02'), 1.02)
    for (const seconds of [0, 0.42, 0.44, 0.94, 1]) expect(at(mouth, seconds, 'sil')).toBeGreaterThan(0.95)
    expect(strongest(mouth, 0.17)).toBe('aa')
    expect(strongest(mouth, 0.67)).toBe('aa')
  })

  it('ends at rest even after the short silence of a clause without punctuation', () => {
    const mouth = mouthFromPhones(phones('pau:0.04 aa:0.3 pau:0.36'), 0.36)
    expect(at(mouth, 0.34, 'sil')).toBeGreaterThan(0.9)
  })

  it('does not shut the mouth in a short pause', () => {
    const mouth = mouthFromPhones(phones('aa:0.3 pau:0.37 aa:0.7'), 0.7)
    expect(at(mouth, 0.34, 'sil')).toBeLessThan(0.85)
  })

  it('begins to open before the first sound', () => {
    const mouth = mouthFromPhones(phones('pau:0.3 aa:0.6 pau:0.9'), 0.9)
    expect(at(mouth, 0.2, 'sil')).toBeGreaterThan(0.95)
    expect(at(mouth, 0.28, 'aa')).toBeGreaterThan(0.15)
  })

  it('moves through both shapes of a diphthong', () => {
    const mouth = mouthFromPhones(phones('pau:0.1 aw:0.5 pau:0.8'), 0.8)
    expect(strongest(mouth, 0.2)).toBe('aa')
    expect(strongest(mouth, 0.42)).toBe('ou')
  })

  it('gives h the shape of the vowel after it', () => {
    const mouth = mouthFromPhones(phones('pau:0.1 hh:0.2 uw:0.4 pau:0.6'), 0.6)
    expect(strongest(mouth, 0.16)).toBe('ou')
  })

  it('takes silence, nothing at all and unknown names', () => {
    for (const list of [[], phones('pau:0.12'), phones('zzz:0.12')]) {
      const mouth = mouthFromPhones(list, 0.12)
      expect(rowsOf(mouth)).toBe(6)
      expect(at(mouth, 0.06, 'sil')).toBeGreaterThan(0.95)
    }
    expect(mouthFromPhones([], 0)).toHaveLength(0)
  })
})
