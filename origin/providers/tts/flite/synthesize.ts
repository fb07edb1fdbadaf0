/** One clause through the engine: text in, trimmed and levelled 24 kHz sound with its phones out. Synchronous. */
import { SAMPLE_RATE } from '../../../../shared/media.ts'
import { resample } from '../../../codec/resample.ts'
import { parseWav } from '../../../codec/wav.ts'
import { FULL_SCALE } from '../../../dsp/pcm.ts'
import type { Phone } from '../types.ts'
import { NOTHING_S, pauseAfterS } from './text.ts'
import type { Program } from './wasi.ts'

export interface SynthesisJob {
  /** As `speakableText` makes it. */
  text: string
  engineName: string
  /** Length of every sound relative to the voice's own, 0.5 to 2. */
  stretch: number
  gainDb: number
}
export interface Synthesis {
  /** 16-bit PCM mono SAMPLE_RATE. */
  pcm: Int16Array
  phones: Phone[]
}

export interface PronunciationJob {
  /** Letters, digits, apostrophes and spaces. */
  words: string[]
}

/** s of silence kept before the first sound: the mouth opens before it is heard. */
const LEAD_S = 0.04
/** Highest peak before resampling, of full scale (-1.4 dBFS): louder clauses are turned down as a whole. */
const PEAK_LIMIT = 0.85
const PAUSE = 'pau'

/** @throws Error when the engine gives no sound */
export function synthesize(engine: Program, { text, engineName, stretch, gainDb }: SynthesisJob): Synthesis {
  if (text === '') return silence()
  // `-psdur` prints every phone with its end in seconds.
  const args = ['flite', '-voice', engineName, '--setf', `duration_stretch=${stretch.toFixed(3)}`, '-psdur', '-t', text, '-o', 'speech.wav']
  const result = engine.run(args)
  const file = result.file('speech.wav')
  if (result.exitCode !== 0 || !file) throw new Error(`flite ended with ${result.exitCode}: ${result.stderr.slice(0, 200)}`)
  const wav = parseWav(file)
  const phones = parsePhones(result.stdout, wav.frames / wav.sampleRate)
  const first = phones.find((phone) => phone.name !== PAUSE)
  const last = phones.findLast((phone) => phone.name !== PAUSE)
  if (!first || !last) return silence()
  const startS = Math.max(0, first.startS - LEAD_S)
  const endS = Math.min(wav.frames / wav.sampleRate, last.endS + pauseAfterS(text) * stretch)
  const trimmed = wav.readS16(Math.round(startS * wav.sampleRate), Math.round(endS * wav.sampleRate))
  applyGain(trimmed, gainDb)
  const pcm = resample(trimmed, wav.sampleRate, SAMPLE_RATE)
  return { pcm, phones: shiftPhones(phones, startS, pcm.length / SAMPLE_RATE) }
}

/** `name:end` pairs in order; the diphone voice names times past its last sample. */
function parsePhones(stdout: string, durationS: number): Phone[] {
  const phones: Phone[] = []
  let startS = 0
  for (const [, name = '', end] of stdout.matchAll(/(\S+):(\d+\.\d+)/g)) {
    const endS = Math.min(Number(end), durationS)
    if (endS > startS) phones.push({ name, startS, endS })
    startS = Math.max(startS, endS)
  }
  return phones
}

/** Phones of the trimmed sound: they cover it from its first sample to its last. */
function shiftPhones(phones: readonly Phone[], byS: number, durationS: number): Phone[] {
  const shifted: Phone[] = []
  for (const { name, startS, endS } of phones) {
    const start = Math.max(0, startS - byS)
    const end = Math.min(durationS, endS - byS)
    if (end > start) shifted.push({ name, startS: start, endS: end })
  }
  const last = shifted.at(-1)
  if (last && last.endS < durationS) shifted.push({ name: PAUSE, startS: last.endS, endS: durationS })
  return shifted
}

/** A fixed gain keeps one clause as loud as the next; only a peak that would clip turns its clause down. */
function applyGain(pcm: Int16Array, gainDb: number): void {
  let peak = 1
  for (const sample of pcm) peak = Math.max(peak, Math.abs(sample))
  const gain = Math.min(10 ** (gainDb / 20), (PEAK_LIMIT * FULL_SCALE) / peak)
  for (let i = 0; i < pcm.length; i++) pcm[i] = Math.round((pcm[i] ?? 0) * gain)
}

function silence(): Synthesis {
  return { pcm: new Int16Array(NOTHING_S * SAMPLE_RATE), phones: [{ name: PAUSE, startS: 0, endS: NOTHING_S }] }
}

/** Phones of each word; the engine names no word boundaries, but it pauses where there is a comma. */
export function pronounce(engine: Program, { words }: PronunciationJob): string[][] {
  const together = phonesByPause(engine, words.join(', '))
  if (together.length === words.length) return together
  return words.map((word) => phonesByPause(engine, word).flat())
}

function phonesByPause(engine: Program, text: string): string[][] {
  const { stdout } = engine.run(['flite', '-voice', 'kal', '-ps', '-t', text, '-o', 'none'])
  const groups = stdout.split(/\bpau\b/).map((group) => group.trim().split(/\s+/).filter(Boolean))
  return groups.filter((group) => group.length > 0)
}
