/** Ring of a stream's latest audio, addressed by sample number: the start of an utterance lies before its detection. */
export class AudioRing {
  readonly #ring: Int16Array
  /** Samples of the stream so far. */
  #total = 0

  /** @param samples how many are kept */
  constructor(samples: number) {
    this.#ring = new Int16Array(samples)
  }

  get total(): number {
    return this.#total
  }

  push(pcm: Int16Array): void {
    const kept = pcm.subarray(Math.max(0, pcm.length - this.#ring.length))
    const at = (this.#total + pcm.length - kept.length) % this.#ring.length
    const fits = Math.min(kept.length, this.#ring.length - at)
    this.#ring.set(kept.subarray(0, fits), at)
    this.#ring.set(kept.subarray(fits), 0)
    this.#total += pcm.length
  }

  /** Audio from this sample of the stream on, or from the oldest that is kept. */
  since(sample: number): Int16Array {
    const from = Math.max(0, sample, this.#total - this.#ring.length)
    return Int16Array.from({ length: this.#total - from }, (_, i) => this.#ring[(from + i) % this.#ring.length] ?? 0)
  }
}
