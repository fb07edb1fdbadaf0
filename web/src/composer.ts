/** The text field, its two modes, sending and stopping. */
import { byId, checkedValue } from '../common/dom.ts'
import type { Ear } from './microphone.ts'

/** Height of the field at most, px: then it scrolls. */
const MAX_FIELD_PX = 132

export type Mode = 'chat' | 'say'

export interface ComposerEvents {
  onSend: (text: string, mode: Mode) => void
  onStop: () => void
}

const PLACEHOLDERS: Record<Mode, string> = { chat: 'Ask or tell me something…', say: 'Type what is to be read out…' }
const HEARD: Record<Ear, string> = {
  closed: '',
  asking: '',
  open: 'Listening. Just talk, or type…',
  held: 'Listening. Let go when you are done…',
}

export class Composer {
  readonly #events: ComposerEvents
  readonly #form = byId('composer', HTMLFormElement)
  readonly #field = byId('field', HTMLTextAreaElement)
  readonly #send = byId('send', HTMLButtonElement)
  readonly #stop = byId('stop', HTMLButtonElement)
  #ready = false
  #ear: Ear = 'closed'

  constructor(events: ComposerEvents) {
    this.#events = events
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault()
      this.#submit()
    })
    this.#form.addEventListener('change', () => {
      this.#hint()
      this.#field.focus()
    })
    this.#field.addEventListener('input', () => this.#fit())
    this.#field.addEventListener('keydown', (event) => {
      // the Enter that ends an input method's composition is no Enter
      if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
      event.preventDefault()
      this.#submit()
    })
    this.#stop.addEventListener('click', () => events.onStop())
    this.#fit()
  }

  /** Whether what is sent arrives, now or once the connection is there. */
  set ready(ready: boolean) {
    this.#ready = ready
    this.#fit()
  }

  /** Whether there is something to stop. */
  get busy(): boolean {
    return !this.#stop.hidden
  }

  set busy(busy: boolean) {
    if (!busy && document.activeElement === this.#stop) this.#field.focus()
    this.#stop.hidden = !busy
  }

  /** Whether the user is heard. */
  set ear(ear: Ear) {
    this.#ear = ear
    this.#hint()
  }

  get field(): HTMLTextAreaElement {
    return this.#field
  }

  /** Gives a text back that did not get through. */
  giveBack(text: string): void {
    if (this.#field.value.trim() === '') this.#field.value = text
    this.#fit()
  }

  focus(): void {
    this.#field.focus({ preventScroll: true })
  }

  get #mode(): Mode {
    return checkedValue('mode') === 'say' ? 'say' : 'chat'
  }

  #hint(): void {
    this.#field.placeholder = HEARD[this.#ear] || PLACEHOLDERS[this.#mode]
  }

  #submit(): void {
    const text = this.#field.value.trim()
    if (text === '' || !this.#ready) return
    this.#field.value = ''
    this.#fit()
    this.#events.onSend(text, this.#mode)
  }

  #fit(): void {
    this.#send.disabled = !this.#ready || this.#field.value.trim() === ''
    this.#field.style.height = 'auto'
    this.#field.style.height = `${Math.min(MAX_FIELD_PX, this.#field.scrollHeight)}px`
  }
}
