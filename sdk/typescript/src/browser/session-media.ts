/** A session in a page: where it is shown, and the microphone that it hears. */
import type { SessionConnection } from '../core/session-connection.ts'
import type { SessionEar } from '../core/session-ear.ts'
import type { Signalling } from '../core/signalling.ts'
import { withSignal } from '../core/wait.ts'
import { MicrophoneListening, type MicrophoneOptions } from './listen.ts'
import { Screen } from './screen.ts'
import { View, type ViewOptions } from './view.ts'

/** Longest wait for the first frame, ms: by then it is known whether WebRTC works. */
const FIRST_FRAME_MS = 3_000

export interface SessionMediaParts {
  connection: SessionConnection
  ear: SessionEar
  signalling: Signalling
}

export class SessionMedia {
  readonly #parts: SessionMediaParts
  #view: View | undefined
  #listening: MicrophoneListening | undefined

  constructor(parts: SessionMediaParts) {
    this.#parts = parts
  }

  get view(): View | undefined {
    return this.#view
  }

  attach(element: HTMLElement, options: ViewOptions): View {
    const view = this.#show((onSound) => Screen.in(element, options, onSound), options)
    // a failure is told to handlers of `connection`, which is where a view's owner looks
    void this.#connectFor(options).catch(() => undefined)
    return view
  }

  /** @throws AvatarError when the session cannot be connected to, or the signal's reason */
  async startStream(video: HTMLVideoElement, options: ViewOptions & { signal?: AbortSignal }): Promise<View> {
    const { signal } = options
    signal?.throwIfAborted()
    const view = this.#show((onSound) => Screen.over(video, options, onSound), options)
    signal?.addEventListener('abort', () => view.stop(), { once: true })
    try {
      await withSignal(this.#connectFor(options), signal)
      await withSignal(view.ready(FIRST_FRAME_MS), signal)
      return view
    } catch (error) {
      view.stop()
      throw error
    }
  }

  /** @throws AvatarError MICROPHONE_DENIED and the like, STT_UNAVAILABLE */
  async listen(options: MicrophoneOptions): Promise<MicrophoneListening> {
    await this.#listening?.stop()
    this.#listening = await MicrophoneListening.open({ session: this.#parts.ear, line: () => this.#view?.line }, options)
    return this.#listening
  }

  /** Lets go of page and microphone, without a word to the server. */
  end(): void {
    this.#listening?.end()
    this.#view?.stop()
  }

  #show(makeScreen: (onSound: () => void) => Screen, options: ViewOptions): View {
    this.#view?.stop()
    let view: View | undefined
    const screen = makeScreen(() => void view?.startSound())
    view = new View({ session: this.#parts.connection, signalling: this.#parts.signalling, screen, options })
    this.#view = view
    if (view.line) this.#listening?.attachTo(view.line)
    view.line?.open()
    return view
  }

  async #connectFor({ events }: ViewOptions): Promise<void> {
    const { connection } = this.#parts
    if (connection.state === 'closed') await connection.connect({ media: 'binary', audio: 'chunks', ...(events ? { events } : {}) })
  }
}
