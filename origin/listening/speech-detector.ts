/** Analyses the user's audio: its level, and the probability that the user, not the avatar's echo, speaks. */
import { HISTORY, HOP, logMel, MEL_BANDS } from '../dsp/log-mel.ts'
import { concatPcm } from '../dsp/pcm.ts'
import { STT_SAMPLE_RATE } from '../providers/stt/types.ts'
import { EchoSuppressor } from './echo-suppressor.ts'
import { LevelMeter, type LevelReading } from './level-meter.ts'
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

/** @param untilMs end of the audio that the probability is about, ms from the stream's first sample */
export type OnProbability = (probability: number, untilMs: number) => void

export class SpeechDetector {
  readonly #delayMs: number
  readonly #vad: Vad
  readonly #echoSuppressor: EchoSuppressor
  readonly #levels: LevelMeter
  /** HISTORY samples that were framed, then those that make no whole row yet. */
  #pending = new Int16Array(HISTORY)
  #rows = 0

  constructor({ weights, echoReference: played, now, onLevel }: SpeechDetectorOptions) {
    this.#delayMs = weights.delayMs
    this.#vad = new Vad(weights)
    this.#echoSuppressor = new EchoSuppressor({ played, now })
    this.#levels = new LevelMeter({ sampleRate: STT_SAMPLE_RATE, onReading: onLevel })
  }

  /** @param pcm STT_SAMPLE_RATE */
  push(pcm: Int16Array, onProbability: OnProbability): void {
    const sound = concatPcm([this.#pending, pcm])
    const rows = Math.floor((sound.length - HISTORY) / ROW_SAMPLES)
    const mel = logMel(sound.subarray(0, HISTORY + rows * ROW_SAMPLES))
    this.#pending = sound.slice(rows * ROW_SAMPLES)
    this.#echoSuppressor.clean(mel)
    for (let i = 0; i < mel.length; i += MEL_BANDS) {
      const probability = this.#vad.push(mel.subarray(i, i + MEL_BANDS))
      if (probability === undefined) continue
      this.#rows += 1
      this.#levels.mark(probability)
      onProbability(probability, this.#rows * VAD_ROW_MS - this.#delayMs)
    }
    this.#levels.push(pcm)
  }

  close(): void {
    this.#echoSuppressor.close()
  }
}
