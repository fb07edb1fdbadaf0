/** A text that is being said: the word that sounds is marked in it. */

/** How far ahead a word is looked for: what stands between was not told, or is written otherwise. */
const LOOK_AHEAD = 12

export class SpokenText {
  readonly #element: HTMLElement
  readonly #words: HTMLElement[] = []
  #next = 0
  #sounding: HTMLElement | undefined

  constructor(element: HTMLElement) {
    this.#element = element
  }

  append(text: string): void {
    const space = this.#words.length > 0 ? ' ' : ''
    const parts = `${space}${text}`.split(/(\s+)/).map((part) => (/\S/.test(part) ? this.#word(part) : part))
    this.#element.append(...parts)
  }

  /** Shows nothing but this text. */
  replace(text: string): void {
    this.#element.replaceChildren()
    this.#words.length = 0
    this.#next = 0
    this.#sounding = undefined
    if (text !== '') this.append(text)
  }

  /** The word sounds now; one that is not in the text to come is passed over. */
  mark(word: string): void {
    const ahead = this.#words.slice(this.#next, this.#next + LOOK_AHEAD).findIndex(({ textContent }) => textContent === word)
    if (ahead < 0) return
    this.unmark()
    this.#sounding = this.#words[this.#next + ahead]
    this.#sounding?.classList.add('now')
    this.#next += ahead + 1
  }

  unmark(): void {
    this.#sounding?.classList.remove('now')
    this.#sounding = undefined
  }

  #word(text: string): HTMLElement {
    const element = document.createElement('span')
    element.textContent = text
    this.#words.push(element)
    return element
  }
}
