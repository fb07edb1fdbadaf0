/** Finds where one file ends and the next begins in bytes of files that were joined, wherever they are cut. */
import { type Container, id3Bytes, nextBeginning, unfinishedBeginning } from './sniff.ts'

/** Bytes after an ID3 tag in which the first frame of the same file may stand. */
const FIRST_FRAME_BYTES = 2048

export interface FilePart {
  bytes: Uint8Array
  /** The first bytes of another file. */
  begins: boolean
}

export class FileBoundaries {
  readonly #container: Container
  /** Bytes of the file in which no other is looked for. */
  #skip: number
  /** Bytes that may be a beginning whose rest is still to come. */
  #held: Uint8Array = new Uint8Array(0)

  /** @param head the first bytes of the first file */
  constructor(container: Container, head: Uint8Array) {
    this.#container = container
    this.#skip = skipOf(head)
  }

  /** The bytes in parts, each of one file. */
  split(bytes: Uint8Array): FilePart[] {
    let rest: Uint8Array = this.#held.length > 0 ? Buffer.concat([this.#held, bytes]) : bytes
    const parts: FilePart[] = []
    let begins = false
    for (;;) {
      const at = this.#skip < rest.length ? nextBeginning(rest, this.#skip, this.#container) : undefined
      if (at === undefined) break
      parts.push({ bytes: rest.subarray(0, at), begins })
      rest = rest.subarray(at)
      begins = true
      this.#skip = skipOf(rest)
    }
    const searched = rest.subarray(Math.min(rest.length, this.#skip))
    const kept = unfinishedBeginning(searched, this.#container)
    this.#held = rest.slice(rest.length - kept)
    const part = rest.subarray(0, rest.length - kept)
    parts.push({ bytes: part, begins })
    this.#skip = Math.max(0, this.#skip - part.length)
    return parts
  }

  /** What was held back. */
  flush(): Uint8Array {
    const held = this.#held
    this.#held = new Uint8Array(0)
    return held
  }
}

function skipOf(head: Uint8Array): number {
  const tag = id3Bytes(head)
  return tag > 0 ? tag + FIRST_FRAME_BYTES : 1
}
