/** The video of the person and what lies over it: state, caption, veil, the button for sound. */
import type { AvatarSession, Transport, View } from '@avatar/sdk'
import { byId, showText } from '../common/dom.ts'
import { type Explanation, STATUS, type Status } from './copy.ts'
import { SpokenText } from './spoken-text.ts'

/** A caption stays this long after its sentence is over, ms. */
const CAPTION_LINGER_MS = 1_500
/** What a browser holds back of WebRTC sound, ms. */
const RTC_BUFFER_MS = 80

/** What lies over the video. */
export interface Cover extends Explanation {
  pill: string
  busy: boolean
  action?: { label: string; run: () => void }
}

export interface StageEvents {
  onSpeech: (heardAtMs: number) => void
  onSoundChange: () => void
  onTransport: (transport: Transport) => void
}

export class Stage {
  readonly #events: StageEvents
  readonly #screen = byId('screen', HTMLDivElement)
  readonly #veil = byId('veil', HTMLDivElement)
  readonly #action = byId('veil-action', HTMLButtonElement)
  readonly #caption = byId('caption', HTMLParagraphElement)
  readonly #words = new SpokenText(this.#caption)
  readonly #unmute = byId('unmute', HTMLButtonElement)
  #view: View | undefined
  #previous: View | undefined
  #muted = false
  #captions = true
  #captionTimer: ReturnType<typeof setTimeout> | undefined
  #onAction: () => void = () => undefined
  #status: Status = 'idle'

  constructor(events: StageEvents) {
    this.#events = events
    this.#action.addEventListener('click', () => this.#onAction())
    this.#unmute.addEventListener('click', () => void this.#view?.startSound())
  }

  get audible(): boolean {
    return this.#view?.audible ?? false
  }

  get muted(): boolean {
    return this.#muted
  }

  set muted(muted: boolean) {
    this.#muted = muted
    if (this.#view) this.#view.muted = muted
  }

  get captions(): boolean {
    return this.#captions
  }

  set captions(captions: boolean) {
    this.#captions = captions
    this.#caption.hidden = !captions || this.#caption.textContent === ''
  }

  startSound(): void {
    void this.#view?.startSound()
  }

  /**
   * Shows a session; the last frame of the one before stays until the first of this one.
   *
   * @param guest somebody else's session: WebRTC, of which there is one, stays theirs
   */
  show(session: AvatarSession, { name, guest }: { name: string; guest: boolean }): void {
    this.#previous?.stop()
    this.#previous = this.#view
    const view = session.attach(this.#screen, {
      label: `${name}, live`,
      soundButton: false,
      muted: this.#muted,
      transport: guest ? 'socket' : 'auto',
      onFirstFrame: () => {
        this.#previous?.stop()
        this.#previous = undefined
        document.body.dataset.seen = 'true'
      },
      onSpeech: this.#events.onSpeech,
      onSoundChange: () => {
        this.#unmute.hidden = this.#muted || this.audible
        this.#events.onSoundChange()
      },
    })
    this.#view = view
    view.on('transportchange', ({ transport }) => this.#events.onTransport(transport))
    this.#events.onTransport(view.transport)
    this.#unmute.hidden = this.#muted || this.audible
  }

  /** How long after it was sent a sound is heard here, ms. */
  get soundDelayMs(): number {
    const stats = this.#view?.stats
    if (!stats) return 0
    return stats.outputLatencyMs + (stats.transport === 'webrtc' ? RTC_BUFFER_MS : stats.bufferMs)
  }

  status(status: Status): void {
    this.#status = status
    document.body.dataset.status = status
    this.#say(STATUS[status])
    if (status === 'speaking') return
    this.#words.unmark()
    clearTimeout(this.#captionTimer)
    this.#captionTimer = setTimeout(() => this.caption(''), CAPTION_LINGER_MS)
  }

  /** The sentence that sounds. */
  caption(text: string): void {
    clearTimeout(this.#captionTimer)
    this.#words.replace(text)
    this.#caption.classList.remove('timed')
    this.#caption.hidden = !this.#captions || text === ''
  }

  /** The word of it that sounds. */
  word(word: string): void {
    this.#caption.classList.add('timed')
    this.#words.mark(word)
  }

  /** Covers the video with what is the matter; without a reason, uncovers it. */
  cover(reason?: Cover): void {
    this.#veil.hidden = reason === undefined
    if (!reason) {
      this.#say(STATUS[this.#status])
      return
    }
    this.caption('')
    this.#say(reason.pill)
    this.#veil.classList.toggle('busy', reason.busy)
    showText(byId('veil-title', HTMLParagraphElement), reason.title)
    showText(byId('veil-text', HTMLParagraphElement), reason.text)
    showText(this.#action, reason.action?.label ?? '')
    this.#onAction = reason.action?.run ?? (() => undefined)
  }

  #say(words: string): void {
    showText(byId('status', HTMLSpanElement), words)
  }
}
