/** Coughs: a burst of air through a throat, and sometimes a voiced end. 16 kHz, peak 1, the same for the same random numbers. */
import type { Random } from './noise.ts'

const RATE = 16_000
/** Hz: each formant lies in one of these, and is so wide. */
const FORMANTS = [
  { from: 400, to: 800, width: 120, gain: 8 },
  { from: 1_200, to: 1_900, width: 180, gain: 6 },
  { from: 2_400, to: 3_300, width: 250, gain: 5 },
]

/** @param voiced loudness of the voiced end beside the burst's; 0 for none */
export function cough(random: Random, voiced: number): Float32Array {
  const length = Math.floor((0.25 + 0.25 * random()) * RATE)
  const voicedFrom = length * (0.55 + 0.2 * random())
  const pitchHz = 110 + 120 * random()
  const source = Float32Array.from({ length }, (_, i) => {
    const t = i / RATE
    const burst = t < 0.01 ? t / 0.01 : Math.exp(-(t - 0.01) / 0.07) + 0.25 * Math.exp(-(((t - 0.2) / 0.08) ** 2))
    const phase = (t * pitchHz) % 1
    const pulse = i > voicedFrom && phase < 0.1 ? (1 - phase * 10) * Math.exp(-(i - voicedFrom) / RATE / 0.08) : 0
    return gauss(random) * burst + 4 * voiced * pulse
  })
  const sound = source.map((value) => 0.15 * value)
  for (const { from, to, width, gain } of FORMANTS) {
    for (const [i, value] of resonated(source, from + (to - from) * random(), width).entries()) sound[i] = (sound[i] ?? 0) + gain * value
  }
  const peak = sound.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  return sound.map((value) => value / peak)
}

function resonated(sound: Float32Array, hz: number, width: number): Float32Array {
  const radius = Math.exp((-Math.PI * width) / RATE)
  const turn = 2 * radius * Math.cos((2 * Math.PI * hz) / RATE)
  let [before, earlier] = [0, 0]
  return sound.map((value) => {
    const now = value * (1 - radius) + turn * before - radius * radius * earlier
    earlier = before
    before = now
    return now
  })
}

function gauss(random: Random): number {
  return Math.sqrt(-2 * Math.log(random() + 1e-12)) * Math.cos(2 * Math.PI * random())
}
