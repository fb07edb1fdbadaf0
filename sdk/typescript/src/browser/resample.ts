/** Changes the rate of sound as it comes: windowed sinc, so that what the lower rate cannot hold does not fold into speech. */

/** Zero crossings of the kernel on either side. */
const CROSSINGS = 8

export class Resampler {
  /** Input samples for one of output. */
  readonly #step: number
  /** Part of the input's band that is kept. */
  readonly #band: number
  readonly #reach: number
  #kept = new Float32Array()
  /** Place of the next output sample, in samples of `#kept`. */
  #at: number

  /** @param fromHz rate of what is pushed  @param toHz rate of what comes back */
  constructor(fromHz: number, toHz: number) {
    this.#step = fromHz / toHz
    this.#band = Math.min(1, toHz / fromHz)
    this.#reach = Math.ceil(CROSSINGS / this.#band)
    this.#at = this.#reach
    this.#kept = new Float32Array(this.#reach)
  }

  /** @param samples mono, in [-1, 1]  @returns 16-bit samples; what needs later input comes with the next call */
  push(samples: Float32Array): Int16Array {
    const input = new Float32Array(this.#kept.length + samples.length)
    input.set(this.#kept)
    input.set(samples, this.#kept.length)
    const count = Math.max(0, Math.floor((input.length - 1 - this.#reach - this.#at) / this.#step) + 1)
    const output = new Int16Array(count)
    for (let i = 0; i < count; i++)
      output[i] = Math.round(Math.max(-1, Math.min(1, this.#sampleAt(input, this.#at + i * this.#step))) * 32_767)
    const next = this.#at + count * this.#step
    const from = Math.floor(next) - this.#reach
    this.#kept = input.slice(from)
    this.#at = next - from
    return output
  }

  #sampleAt(input: Float32Array, place: number): number {
    const first = Math.ceil(place - this.#reach)
    const last = Math.floor(place + this.#reach)
    let sum = 0
    for (let i = first; i <= last; i++) sum += (input[i] ?? 0) * this.#kernel(i - place)
    return sum
  }

  /** Hann-windowed sinc. */
  #kernel(distance: number): number {
    const x = Math.PI * distance * this.#band
    const window = 0.5 + 0.5 * Math.cos((Math.PI * distance) / (this.#reach + 1))
    return this.#band * (x === 0 ? 1 : Math.sin(x) / x) * window
  }
}
