/** Analyses the user's audio: its level, and the probability that the user, not the avatar's echo, speaks. */
import { HISTORY, HOP, logMel, MEL_BANDS } from '../dsp/log-mel.ts'
import { concatPcm } from '../dsp/pcm.ts'
import { STT_SAMPLE_RATE } from '../providers/stt/types.ts'
import { EchoSuppressor } from './echo-suppressor.ts'
import { LevelMeter, type LevelReading } from './level-meter.ts'
import { QuietGain } from './quiet-gain.ts'
import type { EchoReference } from './types.ts'
import { VAD_ROW_FRAMES, VAD_ROW_MS, Vad, type VadWeights } from './vad.ts'

const ROW_SAMPLES = HOP * VAD_ROW_FRAMES

export interface SpeechDetectorOptions {
  weights: VadWeights
  echoReference: EchoReference
  /** The clock of `played.untilMs`, ms. */
  now: () => number
  onLevel: (reading: LevelReading) => void
}

/** What 20 ms of audio are. */
export interface HeardRow {
  /** That the user speaks, behind the echo guard. */
  probability: number
  /** While the guard knows little of the room: that anybody speaks, the avatar's echo included, and whether that is no echo. */
  open?: { probability: number; isUser: boolean }
}

/** @param untilMs end of the audio that the row is about, ms from the stream's first sample */
export type OnRow = (row: HeardRow, untilMs: number) => void

export class SpeechDetector {
  readonly #delayMs: number
  readonly #vad: Vad
  /** Hears quiet voices that the other misses, and what is left of an echo: it counts where there can be none. */
  readonly #quietVad: Vad
  readonly #quietGain = new QuietGain()
  /** Hears the echo too. */
  readonly #openVad: Vad
  readonly #echoSuppressor: EchoSuppressor
  readonly #levels: LevelMeter
  /** HISTORY samples that were framed, then those that make no whole row yet. */
  #pending = new Int16Array(HISTORY)
  #rows = 0

  constructor({ weights, echoReference: played, now, onLevel }: SpeechDetectorOptions) {
    this.#delayMs = weights.delayMs
    this.#vad = new Vad(weights)
    this.#quietVad = new Vad(weights)
    this.#openVad = new Vad(weights)
    this.#echoSuppressor = new EchoSuppressor({ played, now })
    this.#levels = new LevelMeter({ sampleRate: STT_SAMPLE_RATE, onReading: onLevel })
  }

  /** @param pcm STT_SAMPLE_RATE */
  push(pcm: Int16Array, onRow: OnRow): void {
    const sound = concatPcm([this.#pending, pcm])
    const rows = Math.floor((sound.length - HISTORY) / ROW_SAMPLES)
    const mel = logMel(sound.subarray(0, HISTORY + rows * ROW_SAMPLES))
    this.#pending = sound.slice(rows * ROW_SAMPLES)
    const asHeard = this.#echoSuppressor.trusted ? undefined : mel.slice()
    this.#echoSuppressor.clean(mel)
    const isUser = this.#echoSuppressor.hearsUser
    for (let i = 0; i < mel.length; i += MEL_BANDS) {
      const frame = mel.subarray(i, i + MEL_BANDS)
      const plain = this.#vad.push(frame)
      const quiet = this.#quietVad.push(this.#quietGain.apply(frame))
      const open = asHeard && this.#openVad.push(asHeard.subarray(i, i + MEL_BANDS))
      if (plain === undefined || quiet === undefined) continue
      const probability = this.#echoSuppressor.over ? Math.max(plain, quiet) : plain
      this.#rows += 1
      this.#levels.mark(probability)
      onRow(
        { probability, ...(open === undefined ? {} : { open: { probability: open, isUser } }) },
        this.#rows * VAD_ROW_MS - this.#delayMs,
      )
    }
    this.#levels.push(pcm)
  }

  close(): void {
    this.#echoSuppressor.close()
  }
}
