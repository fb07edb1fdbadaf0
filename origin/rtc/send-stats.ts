/** Counts what a connection sends: rates, frames, and gaps between frames. */
import { performance } from 'node:perf_hooks'

/** ms over which rates are averaged. */
const WINDOW_MS = 1_000
/** ms between two frames from which the gap counts as a freeze. */
const FREEZE_MS = 150

export interface Rates {
  videoBps: number
  audioBps: number
  /** Frames a second. */
  fps: number
}

export class SendStats {
  frames = 0
  freezes = 0
  #lastFrameMs: number | undefined
  #window = { sinceMs: performance.now(), videoOctets: 0, audioOctets: 0, frames: 0 }
  #rates: Rates = { videoBps: 0, audioBps: 0, fps: 0 }

  countFrame(): void {
    const now = performance.now()
    if (this.#lastFrameMs !== undefined && now - this.#lastFrameMs > FREEZE_MS) this.freezes += 1
    this.#lastFrameMs = now
    this.frames += 1
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
      fps: ((this.frames - before.frames) * 1000) / spanMs,
    }
    this.#window = { sinceMs: now, videoOctets, audioOctets, frames: this.frames }
    return this.#rates
  }
}
