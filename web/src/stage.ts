/** The picture of the person and what lies over it: state, caption, veil, the button for sound. */
import type { AvatarSession, View } from '@avatar/sdk'
import { byId, showText } from './dom.ts'
import { type Explanation, STATUS, type Status } from './words.ts'

/** A caption stays this long after its sentence is over, ms. */
const CAPTION_LINGER_MS = 1_500

/** What lies over the picture. */
export interface Cover extends Explanation {
  pill: string
  busy: boolean
  action?: { label: string; run: () => void }
}

export interface StageEvents {
  onPicture: () => void
  onSpeech: (heardAtMs: number) => void
  onSoundChange: () => void
}

export class Stage {
  readonly #events: StageEvents
  readonly #picture = byId('picture', HTMLDivElement)
  readonly #veil = byId('veil', HTMLDivElement)
  readonly #action = byId('veil-action', HTMLButtonElement)
  readonly #caption = byId('caption', HTMLParagraphElement)
  readonly #unmute = byId('unmute', HTMLButtonElement)
  #view: View | undefined
  #previous: View | undefined
  #muted = false
  #captions = true
  #captionTimer: ReturnType<typeof setTimeout> | undefined
  #onAction: () => void = () => undefined

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

  set captions(captions: boolean) {
    this.#captions = captions
    if (!captions) this.#caption.hidden = true
  }

  startSound(): void {
    void this.#view?.startSound()
  }

  /** Shows a session; the last picture of the one before stays until the first of this one. */
  show(session: AvatarSession, name: string): void {
    this.#previous?.detach()
    this.#previous = this.#view
    this.#view = session.attach(this.#picture, {
      label: `${name}, live`,
      soundButton: false,
      muted: this.#muted,
      onFirstPicture: () => {
        this.#previous?.detach()
        this.#previous = undefined
        document.body.dataset.seen = 'true'
      },
      onPicture: this.#events.onPicture,
      onSpeech: this.#events.onSpeech,
      onSoundChange: () => {
        this.#unmute.hidden = this.#muted || this.audible
        this.#events.onSoundChange()
      },
    })
    this.#unmute.hidden = this.#muted || this.audible
  }

  status(status: Status): void {
    document.body.dataset.status = status
    this.#say(STATUS[status])
    clearTimeout(this.#captionTimer)
    if (status !== 'speaking') this.#captionTimer = setTimeout(() => this.caption(''), CAPTION_LINGER_MS)
  }

  caption(text: string): void {
    showText(this.#caption, this.#captions ? text : '')
  }

  /** Covers the picture with what is the matter; without a reason, uncovers it. */
  cover(reason?: Cover): void {
    this.#veil.hidden = reason === undefined
    if (!reason) return
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
