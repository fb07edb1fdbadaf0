/** The text field, its two modes, sending and stopping. */
import { byId, checkedValue } from './dom.ts'

/** Height of the field at most, px: then it scrolls. */
const MAX_FIELD_PX = 132

export type Mode = 'chat' | 'say'

export interface ComposerEvents {
  onSend: (text: string, mode: Mode) => void
  onStop: () => void
}

const PLACEHOLDERS: Record<Mode, string> = { chat: 'Ask or tell me something…', say: 'Type what is to be said, word for word…' }

export class Composer {
  readonly #events: ComposerEvents
  readonly #form = byId('composer', HTMLFormElement)
  readonly #field = byId('field', HTMLTextAreaElement)
  readonly #send = byId('send', HTMLButtonElement)
  readonly #stop = byId('stop', HTMLButtonElement)
  #ready = false

  constructor(events: ComposerEvents) {
    this.#events = events
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault()
      this.#submit()
    })
    this.#form.addEventListener('change', () => {
      this.#field.placeholder = PLACEHOLDERS[this.#mode]
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
    document.addEventListener('keydown', (event) => this.#anywhere(event))
    this.#fit()
  }

  /** Whether there is someone to send to. */
  set ready(ready: boolean) {
    this.#ready = ready
    this.#fit()
  }

  /** Whether there is something to stop. */
  set busy(busy: boolean) {
    if (!busy && document.activeElement === this.#stop) this.#field.focus()
    this.#stop.hidden = !busy
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

  #submit(): void {
    const text = this.#field.value.trim()
    if (text === '' || !this.#ready) return
    this.#field.value = ''
    this.#fit()
    this.#events.onSend(text, this.#mode)
  }

  /** Escape stops her from anywhere; typing anywhere goes into the field. */
  #anywhere(event: KeyboardEvent): void {
    const open = document.querySelector('[popover]:popover-open') !== null
    if (event.key === 'Escape' && !open && !this.#stop.hidden) this.#events.onStop()
    const printable = event.key.length === 1 && event.key !== ' ' && !event.ctrlKey && !event.metaKey && !event.altKey
    if (printable && !open && (document.activeElement === document.body || document.activeElement === null)) this.focus()
  }

  #fit(): void {
    this.#send.disabled = !this.#ready || this.#field.value.trim() === ''
    this.#field.style.height = 'auto'
    this.#field.style.height = `${Math.min(MAX_FIELD_PX, this.#field.scrollHeight)}px`
  }
}
