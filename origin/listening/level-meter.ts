/** Level of the user's audio, ten times a second. */
import { FULL_SCALE } from '../dsp/pcm.ts'

/** ms of sound in one reading. */
const READING_MS = 100
const SILENCE_DB = -100

export interface LevelReading {
  /** RMS, dB of full scale; -100 for silence. */
  levelDb: number
  /** Highest probability of speech within the reading; null where none was marked. */
  speech: number | null
}

export class LevelMeter {
  readonly #readingSamples: number
  readonly #onReading: (reading: LevelReading) => void
  #samples = 0
  #energy = 0
  #speech: number | null = null

  constructor({ sampleRate, onReading }: { sampleRate: number; onReading: (reading: LevelReading) => void }) {
    this.#readingSamples = (sampleRate * READING_MS) / 1000
    this.#onReading = onReading
  }

  push(pcm: Int16Array): void {
    for (const sample of pcm) {
      this.#energy += sample * sample
      this.#samples += 1
      if (this.#samples === this.#readingSamples) this.#read()
    }
  }

  /** Probability of speech in the audio pushed next or last. */
  mark(speech: number): void {
    this.#speech = Math.max(this.#speech ?? 0, speech)
  }

  #read(): void {
    const rms = Math.sqrt(this.#energy / this.#samples) / FULL_SCALE
    const levelDb = Math.max(SILENCE_DB, Math.round(200 * Math.log10(rms + 1e-9)) / 10)
    const speech = this.#speech
    this.#samples = 0
    this.#energy = 0
    this.#speech = null
    this.#onReading({ levelDb, speech: speech === null ? null : Math.round(speech * 1000) / 1000 })
  }
}
