import { describe, expect, it } from 'vitest'
import { TurnHistograms } from '../../../origin/metrics/turn-histograms.ts'

const NONE = { vad_end: null, stt_final: null, llm_first_token: null, tts_first_byte: null, first_sound: null, first_frame: null }
describe('histograms of turns', () => {
  it('count each step in the bucket that it belongs to', () => {
    const histograms = new TurnHistograms()
    expect(histograms.read()).toEqual({})
    for (const first_sound of [20, 20.1, 99_999]) histograms.add({ ...NONE, first_sound })
    histograms.add(NONE)
    const { first_sound, ...others } = histograms.read()
    expect(others).toEqual({})
    const { bounds = [], counts = [], sum } = first_sound ?? {}
    expect(counts).toHaveLength(bounds.length + 1)
    expect(counts.filter((count) => count > 0)).toEqual([1, 1, 1])
    expect([counts[0], counts[1], counts.at(-1)]).toEqual([1, 1, 1])
    expect(sum).toBeCloseTo(20 + 20.1 + 99_999, 6)
  })
})
