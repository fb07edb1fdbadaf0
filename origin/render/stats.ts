/** Timings of the last frames, for `/metrics`. */

/** Frames that the figures look back over. */
const WINDOW = 500

/** The last values of one figure. */
class Recent {
  readonly #values = new Float64Array(WINDOW)
  #count = 0

  add(value: number): void {
    this.#values[this.#count % WINDOW] = value
    this.#count++
  }

  /** 0 before the first value. */
  get mean(): number {
    const values = this.#present()
    return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length
  }

  /** @param share 0..1; 0.5 is the median. 0 before the first value. */
  quantile(share: number): number {
    const values = this.#present().toSorted()
    return values[Math.min(values.length - 1, Math.floor(share * values.length))] ?? 0
  }

  #present(): Float64Array {
    return this.#values.subarray(0, Math.min(this.#count, WINDOW))
  }
}

/** Collects what the renderer measures; times in ms. */
export class RenderStats {
  /** Model time of one patch: its run's time by the run's batch. */
  readonly patch = new Recent()
  readonly decode = new Recent()
  readonly paste = new Recent()
  readonly encode = new Recent()
  /** From asking for a drawn frame to having it. */
  readonly frame = new Recent()
  readonly batch = new Recent()
  frames = 0
  cachedFrames = 0
  reusedPatches = 0
  patches = 0
  rejected = 0
  failed = 0
  crashes = 0

  toRecord(): Record<string, number> {
    const figures: Record<string, number> = {
      patch_ms_p50: this.patch.quantile(0.5),
      patch_ms_p95: this.patch.quantile(0.95),
      decode_ms_p50: this.decode.quantile(0.5),
      compose_ms_p50: this.paste.quantile(0.5),
      encode_ms_p50: this.encode.quantile(0.5),
      frame_ms_p50: this.frame.quantile(0.5),
      frame_ms_p95: this.frame.quantile(0.95),
      batch_mean: this.batch.mean,
      frames: this.frames,
      cached_frames: this.cachedFrames,
      patches: this.patches,
      reused_patches: this.reusedPatches,
      rejected_frames: this.rejected,
      failed_frames: this.failed,
      worker_crashes: this.crashes,
    }
    for (const [name, value] of Object.entries(figures)) figures[name] = Math.round(value * 1000) / 1000
    return figures
  }
}
