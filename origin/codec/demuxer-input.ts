/** Bytes that FFmpeg's demuxer reads as they come: where none are left, its thread waits for the next. */
import { AVERROR_EOF, AVSEEK_CUR, AVSEEK_END, AVSEEK_SET, AVSEEK_SIZE } from 'node-av/constants'
import { IOContext } from 'node-av/lib'

const IO_BUFFER_BYTES = 64 * 1024

export class DemuxerInput {
  readonly io = new IOContext()
  readonly #seekable: boolean
  /** What was not read yet; all of it where the demuxer may go back. */
  #bytes: Buffer = Buffer.alloc(0)
  #position = 0
  #ended = false
  /** Set while the demuxer waits. */
  #more: (() => void) | undefined
  #onStarved: (() => void) | undefined

  constructor(seekable: boolean) {
    this.#seekable = seekable
    this.io.allocContextWithCallbacks(
      IO_BUFFER_BYTES,
      0,
      (size) => this.#read(size),
      null,
      seekable ? (offset, whence) => this.#seek(Number(offset), whence) : null,
    )
  }

  push(bytes: Uint8Array, last: boolean): void {
    const rest = this.#seekable ? this.#bytes : this.#bytes.subarray(this.#position)
    if (!this.#seekable) this.#position = 0
    this.#bytes = Buffer.concat([rest, bytes])
    this.#ended = last
    if (this.#position < this.#bytes.length || last) this.#wake()
  }

  /** No more bytes: the demuxer ends. */
  end(): void {
    this.push(new Uint8Array(0), true)
  }

  /** Resolves when the demuxer has read all bytes and asks for more. */
  starved(): Promise<void> {
    if (this.#more) return Promise.resolve()
    return new Promise((resolve) => {
      this.#onStarved = resolve
    })
  }

  free(): void {
    this.io.freeContext()
  }

  #wake(): void {
    const more = this.#more
    this.#more = undefined
    more?.()
  }

  #read(size: number): Buffer | number | Promise<Buffer | number> {
    if (this.#position < this.#bytes.length) {
      const part = Buffer.from(this.#bytes.subarray(this.#position, this.#position + size))
      this.#position += part.length
      return part
    }
    if (this.#ended) return AVERROR_EOF
    return new Promise((resolve) => {
      this.#more = () => resolve(this.#read(size))
      this.#onStarved?.()
      this.#onStarved = undefined
    })
  }

  #seek(offset: number, whence: number): bigint {
    if (whence === AVSEEK_SIZE) return BigInt(this.#bytes.length)
    const base = whence === AVSEEK_CUR ? this.#position : whence === AVSEEK_END ? this.#bytes.length : 0
    if (whence !== AVSEEK_SET && whence !== AVSEEK_CUR && whence !== AVSEEK_END) return -1n
    this.#position = Math.max(0, Math.min(this.#bytes.length, base + offset))
    return BigInt(this.#position)
  }
}
