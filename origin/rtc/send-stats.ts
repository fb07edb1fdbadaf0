/** What leaves in a second, and where the pictures stood still. */
import { performance } from 'node:perf_hooks'

/** ms over which rates are taken. */
const WINDOW_MS = 1_000
/** ms between two pictures that are seen as a standstill. */
const FREEZE_MS = 150

export interface Rates {
  videoBps: number
  audioBps: number
  /** Pictures a second. */
  fps: number
}

export class Flow {
  pictures = 0
  freezes = 0
  #lastPictureMs: number | undefined
  #window = { sinceMs: performance.now(), videoOctets: 0, audioOctets: 0, pictures: 0 }
  #rates: Rates = { videoBps: 0, audioBps: 0, fps: 0 }

  countPicture(): void {
    const now = performance.now()
    if (this.#lastPictureMs !== undefined && now - this.#lastPictureMs > FREEZE_MS) this.freezes += 1
    this.#lastPictureMs = now
    this.pictures += 1
  }

  /** Of the latest whole window. @param videoOctets sent since the beginning, as `audioOctets` */
  rates(videoOctets: number, audioOctets: number): Rates {
    const now = performance.now()
    const before = this.#window
    const spanMs = now - before.sinceMs
    if (spanMs < WINDOW_MS) return this.#rates
    const bps = (octets: number): number => Math.round((octets * 8_000) / spanMs)
    this.#rates = {
      videoBps: bps(videoOctets - before.videoOctets),
      audioBps: bps(audioOctets - before.audioOctets),
      fps: ((this.pictures - before.pictures) * 1000) / spanMs,
    }
    this.#window = { sinceMs: now, videoOctets, audioOctets, pictures: this.pictures }
    return this.#rates
  }
}
