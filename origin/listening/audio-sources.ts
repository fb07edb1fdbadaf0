/**
 * The two sources of the user's audio: the WebRTC microphone, and messages on the socket. While audio comes over the socket the
 * microphone is ignored, so that nothing is heard twice. A client whose WebRTC connection opens while it listens moves from one to
 * the other without a message; then the microphone counts again, from the end of the socket's audio on.
 */
import { SAMPLE_RATE } from '../../shared/media.ts'
import { createResampler, type Resampler } from '../codec/resample.ts'
import { concatPcm } from '../dsp/pcm.ts'
import { STT_SAMPLE_RATE } from '../providers/stt/types.ts'

/** Samples of the microphone, beyond the length of the last message, after which no other message is expected; and those that are kept. */
const SOCKET_SILENT = 0.5 * STT_SAMPLE_RATE

export class AudioSources {
  /** Set while the socket counts. */
  #resampler: Resampler | undefined
  /** Samples of the microphone until it counts again. */
  #waiting = 0
  #kept: Int16Array[] = []
  #keptLength = 0

  /** @param pcm STT_SAMPLE_RATE @returns what of it counts; undefined while the socket does */
  fromMicrophone(pcm: Int16Array): Int16Array | undefined {
    if (!this.#resampler) return pcm
    // the caller may reuse its memory
    this.#kept.push(pcm.slice())
    this.#keptLength += pcm.length
    this.#waiting -= pcm.length
    while (this.#keptLength - (this.#kept[0]?.length ?? 0) >= SOCKET_SILENT) this.#keptLength -= this.#kept.shift()?.length ?? 0
    if (this.#waiting > 0) return undefined
    this.close()
    return concatPcm(this.#kept)
  }

  /** @param pcm SAMPLE_RATE, a part of a message @param messageSamples length of the whole message @returns STT_SAMPLE_RATE */
  fromSocket(pcm: Int16Array, messageSamples: number): Int16Array {
    this.#resampler ??= createResampler(SAMPLE_RATE, STT_SAMPLE_RATE)
    this.#waiting = (messageSamples * STT_SAMPLE_RATE) / SAMPLE_RATE + SOCKET_SILENT
    this.#kept = []
    this.#keptLength = 0
    return this.#resampler.push(pcm)
  }

  close(): void {
    this.#resampler?.close()
    this.#resampler = undefined
  }
}
