/** The link that lets somebody else into this session. The token stands in the fragment, which browsers send to no server. */
import { byId } from '../common/dom.ts'

const FRAGMENT = /^#token=([\w.-]+)$/

/** The token of a shared link that this page was opened with. */
export function tokenOfLink(): string | undefined {
  return FRAGMENT.exec(location.hash)?.[1]
}

export class Share {
  readonly #link = byId('share-link', HTMLInputElement)
  readonly #button = byId('share', HTMLButtonElement)

  /** @param onCopied the link is in the clipboard */
  constructor(onCopied: () => void) {
    const send = byId('share-send', HTMLButtonElement)
    send.hidden = typeof navigator.share !== 'function'
    // closing the sheet without sending is no failure
    send.addEventListener('click', () => void navigator.share({ title: document.title, url: this.#link.value }).catch(() => undefined))
    this.#link.addEventListener('focus', () => this.#link.select())
    byId('share-copy', HTMLButtonElement).addEventListener('click', () => void this.#copy(onCopied))
  }

  /** Undefined: there is nothing to share. */
  set token(token: string | undefined) {
    this.#button.disabled = token === undefined
    this.#link.value = token === undefined ? '' : `${location.origin}${location.pathname}#token=${token}`
    if (token === undefined) byId('share-card', HTMLDivElement).hidePopover()
  }

  async #copy(onCopied: () => void): Promise<void> {
    try {
      await navigator.clipboard.writeText(this.#link.value)
      byId('share-card', HTMLDivElement).hidePopover()
      onCopied()
    } catch {
      // no permission for the clipboard: the link is selected, to be copied by hand
      this.#link.focus()
    }
  }
}
