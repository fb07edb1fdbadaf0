/** Lines that the page says besides: troubles that wait for the user, and short words that go by themselves. */
import { byId, showText } from '../common/dom.ts'

const TOAST_MS = 3_500

export class Notices {
  readonly #notice = byId('notice', HTMLDivElement)
  readonly #action = byId('notice-action', HTMLButtonElement)
  readonly #toast = byId('toast', HTMLParagraphElement)
  #onAction: () => void = () => undefined
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor() {
    byId('notice-close', HTMLButtonElement).addEventListener('click', () => this.clear())
    this.#action.addEventListener('click', () => this.#onAction())
  }

  /** Stays until it is closed or overtaken. */
  show(text: string, action?: { label: string; run: () => void }): void {
    showText(byId('notice-text', HTMLParagraphElement), text)
    showText(this.#action, action?.label ?? '')
    this.#onAction = action?.run ?? (() => undefined)
    this.#notice.hidden = false
  }

  clear(): void {
    this.#notice.hidden = true
  }

  toast(text: string): void {
    showText(this.#toast, text)
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => showText(this.#toast, ''), TOAST_MS)
  }
}
