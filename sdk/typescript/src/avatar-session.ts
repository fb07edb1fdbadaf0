/** The session as customers hold it: the core's, and in a browser the ways onto the page and from the microphone. */
import { MicrophoneListening, type MicrophoneOptions } from './browser/listen.ts'
import { Screen } from './browser/screen.ts'
import { View, type ViewOptions } from './browser/view.ts'
import { BaseSession } from './core/base-session.ts'
import type { Listening, SourceListenOptions } from './core/listening.ts'
import { withSignal } from './core/wait.ts'

/** Longest wait for the first frame, ms: by then it is known whether WebRTC works. */
const FIRST_FRAME_MS = 3_000

export class AvatarSession extends BaseSession {
  #view: View | undefined
  #listening: MicrophoneListening | undefined

  /** Where it is shown; undefined before `attach()` or `startStream()`. */
  get view(): View | undefined {
    return this.#view
  }

  /**
   * Shows the session in an element and lets it sound, by whatever transport works; connects if that was not done. The element's
   * position is set to `relative` where it was `static`. Connection failures reach handlers of `connection`; call `connect()`
   * first to await them. A session is in one place of a page: attaching it again moves it.
   *
   * @example session.attach(document.querySelector('#stage'))
   */
  attach(element: HTMLElement, options: ViewOptions = {}): View {
    const view = this.#show((onSound) => Screen.in(element, options, onSound), options)
    // a failure is told to handlers of `connection`, which is where a view's owner looks
    void this.#connectFor(options).catch(() => undefined)
    return view
  }

  /**
   * Shows the session in a video element of the page: by WebRTC, and while that does not work, by frames that are drawn over it.
   * Connects if that was not done. Resolves when there is a frame, or after 3 s.
   *
   * @throws AvatarError when the session cannot be connected to, or the signal's reason; an abort later stops it
   * @example const view = await session.startStream(document.querySelector('video'))
   */
  async startStream(video: HTMLVideoElement, options: ViewOptions & { signal?: AbortSignal } = {}): Promise<View> {
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

  /**
   * Hears the user: by the microphone of a browser, or from a source of sound.
   *
   * @throws AvatarError MICROPHONE_DENIED, MICROPHONE_MISSING, MICROPHONE_BUSY or MICROPHONE_UNAVAILABLE, with what to do;
   *   STT_UNAVAILABLE where nothing recognises speech
   * @example const listening = await session.listen({ mode: 'vad', onLevel: (level) => { meter.value = level } })
   */
  override listen(options: SourceListenOptions): Promise<Listening>
  override listen(options?: MicrophoneOptions): Promise<MicrophoneListening>
  override async listen(options: SourceListenOptions | MicrophoneOptions = {}): Promise<Listening> {
    if ('source' in options) return await super.listen(options)
    await this.#listening?.stop()
    this.#listening = await MicrophoneListening.open({ session: this, line: () => this.#view?.line }, options)
    return this.#listening
  }

  override async disconnect(options: { stop?: boolean; signal?: AbortSignal } = {}): Promise<void> {
    this.#listening?.end()
    this.#view?.stop()
    await super.disconnect(options)
  }

  #show(makeScreen: (onSound: () => void) => Screen, options: ViewOptions): View {
    this.#view?.stop()
    let view: View | undefined
    view = new View(
      this,
      makeScreen(() => void view?.startSound()),
      options,
    )
    this.#view = view
    if (view.line) this.#listening?.attachTo(view.line)
    view.line?.open()
    return view
  }

  async #connectFor({ events }: ViewOptions): Promise<void> {
    if (this.connection === 'closed') await this.connect({ media: 'binary', audio: 'chunks', ...(events ? { events } : {}) })
  }
}
