/** Decodes frames ahead of time and draws each when it is due. */

/** FramePlayer that may wait: half a second. */
const MAX_WAITING = 12
/** A frame is drawn in the screen refresh that is nearest to its time, ms. */
const HALF_REFRESH_MS = 8

interface Waiting {
  timestampMs: number
  generation: number
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
    const frame: Waiting = { timestampMs, generation, bitmap: undefined }
    this.#waiting.push(frame)
    while (this.#waiting.length > MAX_WAITING) this.#leaveOut(this.#waiting.shift())
    createImageBitmap(new Blob([jpeg], { type: 'image/jpeg' })).then(
      (bitmap) => {
        if (this.#waiting.includes(frame)) frame.bitmap = bitmap
        else bitmap.close()
      },
      // a damaged frame: the one before stays
      () => this.#leaveOut(this.#remove(frame)),
    )
  }

  /** Older frames are no longer shown. */
  advance(generation: number): void {
    if (generation <= this.#generation) return
    this.#generation = generation
    for (const frame of this.#waiting.filter((old) => old.generation < generation)) this.#remove(frame)?.bitmap?.close()
  }

  /** FramePlayer are counted from nothing; what waits is no longer shown. */
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
    const due = this.#waiting.filter(({ timestampMs, bitmap }) => bitmap && timestampMs <= now + HALF_REFRESH_MS)
    const newest = due.at(-1)
    if (!newest?.bitmap) return
    this.#paint(newest.bitmap)
    this.shown++
    for (const old of this.#waiting.splice(0, this.#waiting.indexOf(newest))) this.#leaveOut(old)
    this.#remove(newest)?.bitmap?.close()
    this.#options.onShown(newest.timestampMs, now - newest.timestampMs)
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
