/** Who said what. Sentences of one answer stand in one bubble. */

/** Entries that are kept on the page. */
const MAX_ENTRIES = 200

interface Entry {
  item: HTMLLIElement
  text: HTMLElement
}

export class Transcript {
  readonly #list: HTMLElement
  readonly #scroller: HTMLElement
  readonly #answers = new Map<string, Entry>()
  /** What was typed here and has not come back as an event yet. */
  #unconfirmed: string[] = []
  name = 'Avatar'

  constructor(list: HTMLElement, scroller: HTMLElement) {
    this.#list = list
    this.#scroller = scroller
  }

  get empty(): boolean {
    return this.#list.childElementCount === 0
  }

  /** Something typed on this page. Returns the function that takes it back. */
  typed(text: string): () => void {
    this.#unconfirmed.push(text)
    const { item } = this.#add('user', 'You', text)
    return () => {
      const at = this.#unconfirmed.indexOf(text)
      if (at >= 0) this.#unconfirmed.splice(at, 1)
      item.remove()
    }
  }

  /** A line between one session and the next. */
  divide(text: string): void {
    if (this.empty) return
    const item = document.createElement('li')
    item.className = 'divider'
    item.textContent = text
    this.#list.append(item)
    this.#answers.clear()
    this.#unconfirmed = []
    this.#follow()
  }

  /** A message of a user of the session; one that was typed here is shown already. */
  userSaid(text: string): void {
    const at = this.#unconfirmed.indexOf(text)
    if (at >= 0) this.#unconfirmed.splice(at, 1)
    else this.#add('user', 'Guest', text)
  }

  /** The sentence that begins to sound. */
  agentSaid(text: string, taskId: string | undefined): void {
    const known = taskId === undefined ? undefined : this.#answers.get(taskId)
    if (known) known.text.textContent += ` ${text}`
    else {
      const entry = this.#add('agent', this.name, text)
      if (taskId !== undefined) this.#answers.set(taskId, entry)
    }
    this.#follow()
  }

  /** Cuts an answer down to what was heard of it. */
  interrupted(taskId: string | null, heard: string): void {
    const entry = taskId === null ? undefined : this.#answers.get(taskId)
    if (!entry) return
    entry.item.classList.add('cut')
    entry.text.textContent = heard === '' ? '…' : `${heard} …`
    const note = document.createElement('span')
    note.className = 'note'
    note.textContent = 'interrupted'
    entry.item.append(note)
  }

  clear(): void {
    this.#list.replaceChildren()
    this.#answers.clear()
    this.#unconfirmed = []
  }

  #add(role: 'user' | 'agent', who: string, said: string): Entry {
    const item = document.createElement('li')
    item.className = role
    const name = document.createElement('span')
    name.className = 'who'
    name.textContent = who
    const text = document.createElement('p')
    text.textContent = said
    item.append(name, text)
    this.#list.append(item)
    while (this.#list.childElementCount > MAX_ENTRIES) this.#list.firstElementChild?.remove()
    this.#follow()
    return { item, text }
  }

  #follow(): void {
    const calm = matchMedia('(prefers-reduced-motion: reduce)').matches
    this.#scroller.scrollTo({ top: this.#scroller.scrollHeight, behavior: calm ? 'auto' : 'smooth' })
  }
}
