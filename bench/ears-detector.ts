/** The voice detector: what it hears of voices that it was not trained with, in noise; what noise alone does to it; what it costs. */
import { performance } from 'node:perf_hooks'
import { TurnDetector } from '../origin/listening/turn-detector.ts'
import { VAD_ROW_MS, type VadWeights } from '../origin/listening/vad.ts'
import { NOISES, type NoiseKind, noise, type Random, seeded, toPcm } from '../test/support/signals/noise.ts'
import { turnsHeard } from '../test/support/signals/short-answers.ts'
import { LEVEL, type TestSpeech } from '../test/support/signals/test-speech.ts'
import { vadRows } from '../test/support/signals/vad-rows.ts'
import { quantile } from './figures.ts'

const RATE = 16_000
const ROW = (RATE * VAD_ROW_MS) / 1000
const SNRS = [60, 20, 10, 5, 0]
const PAD_ROWS = 75
const THRESHOLD = 0.5
const NOISE_ONLY_S = 60
/** The shipped defaults: see shared/turn-detection.ts and origin/listening/listener.ts. */
const SILENCE_MS = 500
const NEED = { start: 80, barge_in: 200 }

/** When a turn begins and ends, ms of when it is known. */
function turns(weights: VadWeights, rows: readonly number[], needMs: number): { startedMs: number[]; stoppedMs: number[] } {
  const detector = new TurnDetector({ threshold: THRESHOLD, silenceMs: SILENCE_MS, maxMs: 60_000 })
  const found = { startedMs: [] as number[], stoppedMs: [] as number[] }
  for (const [row, probability] of rows.entries()) {
    const change = detector.push(probability, (row + 1) * VAD_ROW_MS - weights.delayMs, needMs)
    if (change) found[change.type === 'started' ? 'startedMs' : 'stoppedMs'].push((row + 1) * VAD_ROW_MS)
  }
  return found
}

const share = (hits: number, of: number): string => (of === 0 ? '  -  ' : (hits / of).toFixed(3))

class Counts {
  tp = 0
  speech = 0
  fp = 0
  rest = 0
  onsets: number[] = []
  ends: number[] = []
  missed = 0
  early = 0
}

interface Heard {
  weights: VadWeights
  random: Random
  kind: NoiseKind
  snr: number
}

function measure({ sound, said }: TestSpeech, { weights, random, kind, snr }: Heard, counts: Counts): void {
  const rows = said.length + 2 * PAD_ROWS
  const noisy = noise(kind, rows * ROW, random).map((value) => value * LEVEL * 10 ** (-snr / 20))
  for (let i = 0; i < said.length * ROW; i++) noisy[PAD_ROWS * ROW + i] = (noisy[PAD_ROWS * ROW + i] ?? 0) + (sound[i] ?? 0)
  const probabilities = vadRows(weights, toPcm(noisy))
  const delay = weights.delayMs / VAD_ROW_MS
  const truth = Array.from({ length: rows }, (_, row) => said[row - PAD_ROWS] ?? false)
  for (let row = 0; row + delay < rows; row++) {
    const fires = (probabilities[row + delay] ?? 0) >= THRESHOLD
    // within 60 ms of a change either answer is right
    if (truth.slice(Math.max(0, row - 3), row + 4).some((other) => other !== truth[row])) continue
    if (truth[row]) {
      counts.speech += 1
      if (fires) counts.tp += 1
    } else {
      counts.rest += 1
      if (fires) counts.fp += 1
    }
  }
  const onsetMs = truth.indexOf(true) * VAD_ROW_MS
  const endMs = (truth.lastIndexOf(true) + 1) * VAD_ROW_MS
  const { startedMs, stoppedMs } = turns(weights, probabilities, NEED.start)
  const start = startedMs.find((ms) => ms > onsetMs - 100)
  if (startedMs.some((ms) => ms <= onsetMs - 100)) counts.early += 1
  if (start === undefined) counts.missed += 1
  else counts.onsets.push(start - onsetMs)
  const stop = stoppedMs.findLast((ms) => ms > endMs)
  if (stop !== undefined) counts.ends.push(stop - endMs - SILENCE_MS)
}

const line = (name: string, c: Counts): string =>
  `| ${name} | ${share(c.tp, c.speech)} / ${share(c.fp, c.rest)} | ${quantile(c.onsets, 0.5)} (${quantile(c.onsets, 0.9)}) | ` +
  `${quantile(c.ends, 0.5)} (${quantile(c.ends, 0.9)}) | ${c.missed} | ${c.early} |`

/** Prints the tables. @returns the same, by name */
export function benchDetector(weights: VadWeights, speech: readonly TestSpeech[]): Record<string, number> {
  const random = seeded(7)
  const figures: Record<string, number> = {}
  console.log(
    '| noise, SNR | rows TPR / FPR | start known after, ms, median (p90) | end known after the 500 ms | missed | started before speech |',
  )
  console.log('|---|---|---|---|---|---|')
  for (const snr of SNRS) {
    const all = new Counts()
    const byKind = NOISES.map((kind) => {
      const counts = new Counts()
      for (const utterance of speech) {
        measure(utterance, { weights, random, kind, snr }, counts)
      }
      for (const name of ['tp', 'speech', 'fp', 'rest', 'missed', 'early'] as const) all[name] += counts[name]
      all.onsets.push(...counts.onsets)
      all.ends.push(...counts.ends)
      return line(`${kind} ${snr} dB`, counts)
    })
    console.log(line(`**all ${snr} dB**`, all))
    if (snr < 60) for (const text of byKind) console.log(text)
    figures[`tpr_${snr}`] = all.tp / all.speech
    figures[`fpr_${snr}`] = all.fp / all.rest
    figures[`onset_p50_${snr}`] = quantile(all.onsets, 0.5)
  }

  console.log(`\n| noise alone, ${NOISE_ONLY_S} s at each of -50, -35, -20 dBFS | rows above ${THRESHOLD} | turns begun | barge-ins |`)
  console.log('|---|---|---|---|')
  for (const kind of NOISES) {
    let fired = 0
    let total = 0
    let begun = 0
    let barged = 0
    for (const db of [-50, -35, -20]) {
      const pcm = toPcm(noise(kind, NOISE_ONLY_S * RATE, random).map((value) => value * 10 ** (db / 20)))
      const rows = vadRows(weights, pcm)
      fired += rows.filter((probability) => probability >= THRESHOLD).length
      total += rows.length
      begun += turnsHeard(weights, pcm, NEED.start)
      barged += turnsHeard(weights, pcm, NEED.barge_in)
    }
    console.log(`| ${kind} | ${share(fired, total)} | ${begun} | ${barged} |`)
    figures[`noise_turns_${kind}`] = begun
  }

  const minute = toPcm(noise('pink', 60 * RATE, random).map((value) => value * 0.05))
  vadRows(weights, minute)
  const begunMs = performance.now()
  vadRows(weights, minute)
  figures.ms_per_audio_s = (performance.now() - begunMs) / 60
  return figures
}
