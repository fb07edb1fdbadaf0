/** One encoder for all viewers of the same codec and size: each frame is encoded once. */
import type { EncodedVideo, EncodeMs } from '../codec/encoder-pool.ts'
import type { VideoEncoderOptions } from '../codec/video-encoder.ts'
import type { Encoding, RtcServices } from './peer-output.ts'

export class SharedEncoders {
  readonly #pool: RtcServices['encoders']
  readonly #open = new Map<string, SharedEncoder>()

  constructor(pool: RtcServices['encoders']) {
    this.#pool = pool
  }

  /** A share in the encoder of this codec and size. */
  open(options: VideoEncoderOptions): Encoding {
    const key = `${options.codec} ${options.size}`
    let encoder = this.#open.get(key)
    if (!encoder) {
      encoder = new SharedEncoder(this.#pool.open(options), () => this.#open.delete(key))
      this.#open.set(key, encoder)
    }
    return encoder.share()
  }
}

class SharedEncoder {
  readonly #stream: Encoding
  readonly #onUnused: () => void
  /** The bitrate that each share asks for, bit/s. */
  readonly #shares = new Map<Share, number>()
  /** The frame that was encoded last. */
  #latest: { index: number; encoded: Promise<EncodedVideo | undefined> } | undefined

  constructor(stream: Encoding, onUnused: () => void) {
    this.#stream = stream
    this.#onUnused = onUnused
  }

  get dropped(): number {
    return this.#stream.dropped
  }

  get encodeMs(): EncodeMs | undefined {
    return this.#stream.encodeMs
  }

  share(): Share {
    const share = new Share(this)
    this.#shares.set(share, this.#stream.bitrateBps)
    return share
  }

  rateOf(share: Share): number {
    return this.#shares.get(share) ?? this.#stream.bitrateBps
  }

  /** The lowest bitrate of all shares is used. */
  setRate(share: Share, bitrateBps: number): void {
    if (!this.#shares.has(share)) return
    this.#shares.set(share, bitrateBps)
    this.#stream.bitrateBps = Math.min(...this.#shares.values())
  }

  forceKeyframe(): void {
    // the share that asks for a key frame cannot use the frame before it
    this.#latest = undefined
    this.#stream.forceKeyframe()
  }

  async encode(rgb: Uint8Array<ArrayBuffer>, index: number): Promise<EncodedVideo | undefined> {
    if (this.#latest?.index === index) return await this.#latest.encoded
    // another share has transferred the bytes, and a key frame was asked for since
    if (rgb.byteLength === 0) return undefined
    const encoded = this.#stream.encode(rgb, index)
    this.#latest = { index, encoded }
    return await encoded
  }

  leave(share: Share): void {
    if (!this.#shares.delete(share)) return
    if (this.#shares.size > 0) {
      this.#stream.bitrateBps = Math.min(...this.#shares.values())
      return
    }
    this.#stream.close()
    this.#onUnused()
  }
}

class Share implements Encoding {
  readonly #encoder: SharedEncoder

  constructor(encoder: SharedEncoder) {
    this.#encoder = encoder
  }

  get bitrateBps(): number {
    return this.#encoder.rateOf(this)
  }

  set bitrateBps(bitrateBps: number) {
    this.#encoder.setRate(this, bitrateBps)
  }

  get dropped(): number {
    return this.#encoder.dropped
  }

  get encodeMs(): EncodeMs | undefined {
    return this.#encoder.encodeMs
  }

  forceKeyframe(): void {
    this.#encoder.forceKeyframe()
  }

  encode(rgb: Uint8Array<ArrayBuffer>, index: number): Promise<EncodedVideo | undefined> {
    return this.#encoder.encode(rgb, index)
  }

  close(): void {
    this.#encoder.leave(this)
  }
}
