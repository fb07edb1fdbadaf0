/** Frames of a clip in the making, on disk: ten seconds at 720 x 720 are 390 MB, too much to ask of every machine's memory. */
import { closeSync, openSync, readSync, writeSync } from 'node:fs'

export class FrameStore {
  readonly size: number
  readonly #fd: number
  readonly #bytes: number
  #count = 0

  /** @param size side of the square frames, pixels */
  constructor(file: string, size: number) {
    this.size = size
    this.#bytes = 3 * size * size
    this.#fd = openSync(file, 'w+')
  }

  get count(): number {
    return this.#count
  }

  /** @param rgb 3 * size * size bytes */
  add(rgb: Uint8Array): void {
    if (rgb.length !== this.#bytes) throw new RangeError(`a frame of ${rgb.length} bytes, not ${this.#bytes}`)
    writeSync(this.#fd, rgb, 0, this.#bytes, this.#count * this.#bytes)
    this.#count++
  }

  /** @param into 3 * size * size bytes @returns `into` */
  read(index: number, into: Uint8Array): Uint8Array {
    if (index < 0 || index >= this.#count) throw new RangeError(`no frame ${index}`)
    readSync(this.#fd, into, 0, this.#bytes, index * this.#bytes)
    return into
  }

  close(): void {
    closeSync(this.#fd)
  }
}
