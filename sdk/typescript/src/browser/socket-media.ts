/** Frames and sound that come over the socket: drawn and played by the timestamps they carry. */
import type { MediaEvent } from '../core/session-events.ts'
import { Sound } from './audio-player.ts'
import { FramePlayer } from './frame-player.ts'
import { MediaClock } from './media-clock.ts'

const BUFFER_MS = 100
const MAX_BUFFER_MS = 320
/** The buffer grows by this with every piece of sound that came too late, ms. */
const BUFFER_STEP_MS = 40

export interface SocketMediaOptions {
  canvas: HTMLCanvasElement
  bufferMs?: number | undefined
  /** A frame was drawn. @param skewMs how late it was against what is heard, or against its time in silence */
  onFrame: (timestampMs: number, skewMs: number) => void
  /** The first sound of a task will be heard at this `performance.now()`. */
  onSpeech: (heardAtMs: number) => void
}

export class SocketMedia {
  readonly sound = new Sound()
  readonly #options: SocketMediaOptions
  readonly #clock = new MediaClock()
  readonly #frames: FramePlayer
  #bufferMs: number
  #generation = 0
  /** Sound up to this generation was interrupted here and is not to be heard any more. */
  #silencedGeneration = -1
  #silentUntilSpeech = false
  #seenUnderruns = 0

  constructor(options: SocketMediaOptions) {
    this.#options = options
    this.#bufferMs = options.bufferMs ?? BUFFER_MS
    this.#frames = new FramePlayer({
      canvas: options.canvas,
      nowTimestampMs: () => this.#nowTimestampMs(),
      onShown: options.onFrame,
    })
  }

  get stats(): { framesShown: number; framesDropped: number; soundUnderruns: number; bufferMs: number; outputLatencyMs: number } {
    return {
      framesShown: this.#frames.shown,
      framesDropped: this.#frames.dropped,
      soundUnderruns: this.sound.underruns,
      bufferMs: this.#bufferMs,
      outputLatencyMs: this.sound.outputLatencyMs,
    }
  }

  receive(media: MediaEvent): void {
    const arrivalMs = performance.now()
    if (media.generation < this.#generation) return
    this.advance(media.generation)
    this.#clock.observe(media.timestampMs, arrivalMs)
    if (media.kind === 'frame') this.#frames.push(media.data, media.timestampMs, media.generation)
    else if (media.generation > this.#silencedGeneration) this.#play(media, arrivalMs)
  }

  /** What was there before an interrupt is neither seen nor heard any more. @param generation undefined: the next */
  advance(generation = this.#generation + 1): void {
    if (generation <= this.#generation) return
    this.#generation = generation
    this.sound.flush()
    this.#frames.advance(generation)
  }

  /**
   * The user interrupts: nothing more of what is being said, before the server says so.
   *
   * @param next a new task follows; where nothing was being said, it has the same generation
   */
  silence(next: boolean): void {
    this.#silencedGeneration = this.#generation
    this.#silentUntilSpeech = next
    this.sound.flush()
  }

  /** What follows belongs to a new task. */
  speechStarted(): void {
    if (this.#silentUntilSpeech) this.#silencedGeneration = -1
    this.#silentUntilSpeech = false
  }

  /** Another line to the server: its clock may be another. */
  resetClock(): void {
    this.#clock.reset()
  }

  /** Another server has taken over, and counts from nothing. */
  restart(): void {
    this.#clock.reset()
    this.sound.flush()
    this.#generation = 0
    this.#silencedGeneration = -1
    this.#silentUntilSpeech = false
    this.#frames.restart()
  }

  close(): void {
    this.#frames.close()
    this.sound.close()
  }

  #play({ data, sampleRate, timestampMs, ptsMs }: MediaEvent, arrivalMs: number): void {
    const dueMs = (this.#clock.arrivalOf(timestampMs) ?? arrivalMs) + this.#bufferMs
    const played = this.sound.play({ pcm: data, sampleRate, timestampMs, dueMs })
    if (this.sound.underruns > this.#seenUnderruns) {
      this.#seenUnderruns = this.sound.underruns
      this.#bufferMs = Math.min(MAX_BUFFER_MS, this.#bufferMs + BUFFER_STEP_MS)
    }
    if (played && ptsMs === 0) this.#options.onSpeech(Math.max(dueMs, arrivalMs) + this.sound.outputLatencyMs)
  }

  /** Frames follow what is heard or waits to be; in silence they follow the clock, by as much later as sound would be. */
  #nowTimestampMs(): number | undefined {
    const heard = this.sound.heardTimestampMs
    if (heard !== undefined) return heard
    const arrivalOfZero = this.#clock.arrivalOf(0)
    return arrivalOfZero === undefined ? undefined : performance.now() - arrivalOfZero - this.#bufferMs - this.sound.outputLatencyMs
  }
}
