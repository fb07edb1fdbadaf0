/** Shows a session in an element: pictures on a canvas, sound through Web Audio, both by the timestamps they carry. */
import type { Session } from '../core/session.ts'
import type { MediaEvent } from '../core/session-events.ts'
import { MediaClock } from './media-clock.ts'
import { Pictures } from './pictures.ts'
import { Sound } from './sound.ts'

const BUFFER_MS = 100
const MAX_BUFFER_MS = 320
/** The buffer grows by this with every piece of sound that came too late, ms. */
const BUFFER_STEP_MS = 40
const GESTURES = ['pointerdown', 'keydown', 'touchend'] as const

export interface AttachOptions {
  /** How long media is held back to even out the network, ms; grows by itself where that is too little. @default 100 */
  bufferMs?: number
  /** What the picture shows, for screen readers. @default 'Avatar' */
  label?: string
  /** How the picture fills the element. @default 'cover' */
  fit?: 'cover' | 'contain'
  /** @default false */
  muted?: boolean
  /** Shows a button over the picture while the browser waits for a gesture before it allows sound. @default true */
  soundButton?: boolean
  /** The first picture is on the screen. */
  onFirstPicture?: () => void
  /** A picture was drawn. @param skewMs how late it was against what is heard, or against its time in silence */
  onPicture?: (timestampMs: number, skewMs: number) => void
  /** The first sound of a task will be heard at this `performance.now()`. */
  onSpeech?: (heardAtMs: number) => void
  /** Whether sound is allowed and wanted has changed. */
  onSoundChange?: () => void
}

export interface ViewStats {
  picturesShown: number
  picturesDropped: number
  soundUnderruns: number
  bufferMs: number
  outputLatencyMs: number
}

/** A session on the page. */
export class View {
  readonly canvas: HTMLCanvasElement
  readonly #options: AttachOptions
  readonly #clock = new MediaClock()
  readonly #sound = new Sound()
  readonly #pictures: Pictures
  readonly #offs: (() => void)[] = []
  readonly #button: HTMLButtonElement | undefined
  #bufferMs: number
  #generation = 0
  /** Sound up to this generation was interrupted here and is not to be heard any more. */
  #silencedGeneration = -1
  #seenUnderruns = 0
  #shownFirst = false

  /** @internal made by `session.attach()` */
  constructor(session: Session, element: HTMLElement, options: AttachOptions) {
    this.#options = options
    this.#bufferMs = options.bufferMs ?? BUFFER_MS
    this.#sound.muted = options.muted ?? false
    this.canvas = makeCanvas(options)
    element.append(this.canvas)
    this.#pictures = new Pictures({
      canvas: this.canvas,
      nowTimestampMs: () => this.#nowTimestampMs(),
      onShown: (timestampMs, skewMs) => this.#shown(timestampMs, skewMs),
    })
    if (options.soundButton ?? true) {
      this.#button = makeSoundButton(() => void this.#sound.start())
      element.append(this.#button)
    }
    this.#offs.push(
      session.on('media', (media) => this.#receive(media)),
      session.on('interrupting', () => {
        this.#silencedGeneration = this.#generation
        this.#sound.flush()
      }),
      session.on('interrupted', ({ generation = this.#generation + 1 }) => this.#advance(generation)),
      session.on('connection', ({ state }) => {
        if (state === 'open') this.#clock.reset()
        else if (state === 'reconnecting') this.#sound.flush()
      }),
    )
    this.#awaitGesture()
  }

  /** Whether sound can be heard: the browser allows it and it is not muted. */
  get audible(): boolean {
    return this.#sound.running && !this.#sound.muted
  }

  get muted(): boolean {
    return this.#sound.muted
  }

  set muted(muted: boolean) {
    this.#sound.muted = muted
    this.#options.onSoundChange?.()
  }

  /** Asks the browser for sound; call it in a gesture of the user. */
  startSound(): Promise<boolean> {
    return this.#sound.start()
  }

  get stats(): ViewStats {
    return {
      picturesShown: this.#pictures.shown,
      picturesDropped: this.#pictures.dropped,
      soundUnderruns: this.#sound.underruns,
      bufferMs: this.#bufferMs,
      outputLatencyMs: this.#sound.outputLatencyMs,
    }
  }

  /** Takes the session off the page; the connection stays. */
  detach(): void {
    for (const off of this.#offs.splice(0)) off()
    this.#pictures.close()
    this.#sound.close()
    this.canvas.remove()
    this.#button?.remove()
  }

  #receive(media: MediaEvent): void {
    const arrivalMs = performance.now()
    if (media.generation < this.#generation) return
    this.#advance(media.generation)
    this.#clock.observe(media.timestampMs, arrivalMs)
    if (media.kind === 'picture') this.#pictures.push(media.data, media.timestampMs, media.generation)
    else if (media.generation > this.#silencedGeneration) this.#play(media, arrivalMs)
  }

  #play({ data, sampleRate, timestampMs, ptsMs }: MediaEvent, arrivalMs: number): void {
    const dueMs = (this.#clock.arrivalOf(timestampMs) ?? arrivalMs) + this.#bufferMs
    const played = this.#sound.play({ pcm: data, sampleRate, timestampMs, dueMs })
    if (this.#sound.underruns > this.#seenUnderruns) {
      this.#seenUnderruns = this.#sound.underruns
      this.#bufferMs = Math.min(MAX_BUFFER_MS, this.#bufferMs + BUFFER_STEP_MS)
    }
    if (played && ptsMs === 0) this.#options.onSpeech?.(Math.max(dueMs, arrivalMs) + this.#sound.outputLatencyMs)
  }

  #advance(generation: number): void {
    if (generation <= this.#generation) return
    this.#generation = generation
    this.#sound.flush()
    this.#pictures.advance(generation)
  }

  /** Pictures follow what is heard; in silence they follow the clock, by as much later as sound would be. */
  #nowTimestampMs(): number | undefined {
    const heard = this.#sound.heardTimestampMs
    if (heard !== undefined) return heard
    const arrivalOfZero = this.#clock.arrivalOf(0)
    return arrivalOfZero === undefined ? undefined : performance.now() - arrivalOfZero - this.#bufferMs - this.#sound.outputLatencyMs
  }

  #shown(timestampMs: number, skewMs: number): void {
    if (!this.#shownFirst) this.#options.onFirstPicture?.()
    this.#shownFirst = true
    this.#options.onPicture?.(timestampMs, skewMs)
  }

  /** Sound begins with whatever the user does first. */
  #awaitGesture(): void {
    const start = (): void => void this.#sound.start()
    for (const type of GESTURES) document.addEventListener(type, start, { capture: true })
    const stopWaiting = (): void => {
      for (const type of GESTURES) document.removeEventListener(type, start, { capture: true })
    }
    this.#offs.push(stopWaiting)
    this.#sound.onStateChange(() => {
      if (this.#sound.running) stopWaiting()
      if (this.#button) this.#button.hidden = this.#sound.running
      this.#options.onSoundChange?.()
    })
    // allowed without a gesture where the user has been here before
    start()
  }
}

function makeCanvas({ label = 'Avatar', fit = 'cover' }: AttachOptions): HTMLCanvasElement {
  const canvas = document.createElement('canvas')
  canvas.setAttribute('role', 'img')
  canvas.setAttribute('aria-label', label)
  Object.assign(canvas.style, { display: 'block', width: '100%', height: '100%', objectFit: fit })
  return canvas
}

function makeSoundButton(onPress: () => void): HTMLButtonElement {
  const button = document.createElement('button')
  button.type = 'button'
  button.textContent = '🔈 Tap for sound'
  button.addEventListener('click', onPress)
  const style = { position: 'absolute', insetInlineStart: '12px', bottom: '12px', padding: '8px 14px', border: '0', borderRadius: '999px' }
  Object.assign(button.style, style, { background: 'rgb(0 0 0 / 60%)', color: '#fff', font: '500 14px system-ui', cursor: 'pointer' })
  return button
}
