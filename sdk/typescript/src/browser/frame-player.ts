/** Keeps frames as JPEGs, decodes the next ones ahead of time and draws each when it is due. */

/** Frames that may wait: 8 s, as long as sound may be late. */
const MAX_WAITING = 200
/** Frames that are decoded ahead: half a second. Decoded ones take a hundred times the memory. */
const MAX_DECODED = 12
/** A frame is drawn in the screen refresh that is nearest to its time, ms. */
const HALF_REFRESH_MS = 8

interface Waiting {
  jpeg: Uint8Array<ArrayBuffer>
  timestampMs: number
  generation: number
  decoding: boolean
  bitmap: ImageBitmap | undefined
}

export interface FramePlayerOptions {
  canvas: HTMLCanvasElement
  /** Server time to be shown now, ms; undefined before anything is known. */
  nowTimestampMs: () => number | undefined
  /** A frame was drawn. */
  onShown: (timestampMs: number, skewMs: number) => void
}

export class FramePlayer {
  readonly #options: FramePlayerOptions
  readonly #context: CanvasRenderingContext2D | null
  #waiting: Waiting[] = []
  #generation = 0
  #request = 0
  #closed = false
  shown = 0
  /** Left out because a newer one was due already, or because too many waited. */
  dropped = 0

  constructor(options: FramePlayerOptions) {
    this.#options = options
    this.#context = options.canvas.getContext('2d', { alpha: false, desynchronized: true })
    const draw = (): void => {
      this.#draw()
      if (!this.#closed) this.#request = requestAnimationFrame(draw)
    }
    this.#request = requestAnimationFrame(draw)
  }

  push(jpeg: Uint8Array<ArrayBuffer>, timestampMs: number, generation: number): void {
    if (this.#closed || generation < this.#generation) return
    // a hidden page draws nothing: decoding for it would be waste
    if (document.hidden) return
    this.#waiting.push({ jpeg, timestampMs, generation, decoding: false, bitmap: undefined })
    while (this.#waiting.length > MAX_WAITING) this.#leaveOut(this.#waiting.shift())
    this.#decode()
  }

  /** Older frames are no longer shown. */
  advance(generation: number): void {
    if (generation <= this.#generation) return
    this.#generation = generation
    for (const frame of this.#waiting.filter((old) => old.generation < generation)) this.#remove(frame)?.bitmap?.close()
  }

  /** Generations are counted from nothing; what waits is no longer shown. */
  restart(): void {
    this.#generation = 0
    for (const { bitmap } of this.#waiting.splice(0)) bitmap?.close()
  }

  close(): void {
    this.#closed = true
    cancelAnimationFrame(this.#request)
    for (const { bitmap } of this.#waiting.splice(0)) bitmap?.close()
  }

  #draw(): void {
    const now = this.#options.nowTimestampMs()
    if (now === undefined) return
    const newest = this.#waiting.findLast((frame) => frame.bitmap && isDue(frame, now))
    if (newest?.bitmap) {
      this.#paint(newest.bitmap)
      this.shown++
      for (const old of this.#waiting.splice(0, this.#waiting.indexOf(newest))) this.#leaveOut(old)
      this.#remove(newest)?.bitmap?.close()
      this.#options.onShown(newest.timestampMs, now - newest.timestampMs)
    }
    this.#decode()
  }

  /** Begins with the newest frame that is due: those before it will not be shown any more. */
  #decode(): void {
    const now = this.#options.nowTimestampMs() ?? Number.NEGATIVE_INFINITY
    const first = Math.max(
      0,
      this.#waiting.findLastIndex((frame) => isDue(frame, now)),
    )
    for (const frame of this.#waiting.slice(first, first + MAX_DECODED)) {
      if (frame.decoding) continue
      frame.decoding = true
      createImageBitmap(new Blob([frame.jpeg], { type: 'image/jpeg' })).then(
        (bitmap) => {
          if (this.#waiting.includes(frame)) frame.bitmap = bitmap
          else bitmap.close()
        },
        // a damaged frame: the one before stays
        () => this.#leaveOut(this.#remove(frame)),
      )
    }
  }

  #paint(bitmap: ImageBitmap): void {
    const { canvas } = this.#options
    if (canvas.width !== bitmap.width || canvas.height !== bitmap.height) {
      canvas.width = bitmap.width
      canvas.height = bitmap.height
    }
    this.#context?.drawImage(bitmap, 0, 0)
  }

  #remove(frame: Waiting): Waiting | undefined {
    const at = this.#waiting.indexOf(frame)
    return at < 0 ? undefined : this.#waiting.splice(at, 1)[0]
  }

  #leaveOut(frame: Waiting | undefined): void {
    if (!frame) return
    this.dropped++
    frame.bitmap?.close()
  }
}

function isDue({ timestampMs }: Waiting, nowMs: number): boolean {
  return timestampMs <= nowMs + HALF_REFRESH_MS
}
