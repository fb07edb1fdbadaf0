/**
 * The two ways of the user's sound: the microphone of WebRTC, and messages on the socket. While sound comes over the socket the
 * microphone does not count, so that nobody is heard twice. A client whose WebRTC connection comes into being while it listens moves
 * from one to the other without a word; then the microphone counts again, with what it had to say meanwhile.
 */
import { SAMPLE_RATE } from '../../shared/media.ts'
import { concatPcm, createResampler, type Resampler } from '../codec/resample.ts'
import { HEARING_SAMPLE_RATE } from '../providers/stt/types.ts'

/** Samples of the microphone, beyond the length of the last message, after which no other message is expected; and those that are kept. */
const SOCKET_SILENT = 0.5 * HEARING_SAMPLE_RATE

export class SoundWays {
  /** There while the socket counts. */
  #resampler: Resampler | undefined
  /** Samples of the microphone until it counts again. */
  #waiting = 0
  #kept: Int16Array[] = []
  #keptLength = 0

  /** @param pcm HEARING_SAMPLE_RATE @returns what of it is heard now */
  fromMicrophone(pcm: Int16Array): Int16Array | undefined {
    if (!this.#resampler) return pcm
    // whoever brings it may use its memory again
    this.#kept.push(pcm.slice())
    this.#keptLength += pcm.length
    this.#waiting -= pcm.length
    while (this.#keptLength - (this.#kept[0]?.length ?? 0) >= SOCKET_SILENT) this.#keptLength -= this.#kept.shift()?.length ?? 0
    if (this.#waiting > 0) return undefined
    this.close()
    return concatPcm(this.#kept)
  }

  /** @param pcm SAMPLE_RATE, a part of a message @param messageSamples length of all of it @returns HEARING_SAMPLE_RATE */
  fromSocket(pcm: Int16Array, messageSamples: number): Int16Array {
    this.#resampler ??= createResampler(SAMPLE_RATE, HEARING_SAMPLE_RATE)
    this.#waiting = (messageSamples * HEARING_SAMPLE_RATE) / SAMPLE_RATE + SOCKET_SILENT
    this.#kept = []
    this.#keptLength = 0
    return this.#resampler.push(pcm)
  }

  close(): void {
    this.#resampler?.close()
    this.#resampler = undefined
  }
}
