/** Who said what. Sentences of one answer stand in one entry. */
import { SpokenText } from './spoken-text.ts'

/** Entries that are kept on the page. */
const MAX_ENTRIES = 200
/** Answers that may still go on. */
const MAX_OPEN_ANSWERS = 16
/** So near to the end is at the end, px. */
const NEAR_END_PX = 40

interface Entry {
  item: HTMLLIElement
  text: HTMLElement
}

export class Transcript {
  readonly #list: HTMLElement
  readonly #scroller: HTMLElement
  readonly #answers = new Map<string, { item: HTMLLIElement; spoken: SpokenText }>()
  /** What was typed here and has not come back as an event yet. */
  #unconfirmed: { said: string; item: HTMLLIElement }[] = []
  /** What the user is saying, as far as it is understood. */
  #partial: Entry | undefined
  /** The newest is in sight. */
  #atEnd = true
  name = 'Avatar'

  constructor(list: HTMLElement, scroller: HTMLElement) {
    this.#list = list
    this.#scroller = scroller
    scroller.addEventListener('scroll', () => {
      this.#atEnd = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < NEAR_END_PX
    })
    // what came below it takes room from it
    new ResizeObserver(() => this.#atEnd && scroller.scrollTo({ top: scroller.scrollHeight })).observe(scroller)
  }

  get empty(): boolean {
    return this.#list.childElementCount === 0
  }

  /** Something typed on this page. */
  typed(text: string): { takeBack: () => void } {
    const { item } = this.#add('user', 'You', text)
    this.#unconfirmed.push({ said: text, item })
    const takeBack = (): void => {
      this.#confirm(text)
      item.remove()
    }
    return { takeBack }
  }

  /** A line between one session and the next. */
  divide(text: string): void {
    if (this.empty) return
    const item = document.createElement('li')
    item.className = 'divider'
    item.textContent = text
    // above what waits to be sent into the new session
    this.#list.insertBefore(item, this.#unconfirmed[0]?.item ?? null)
    this.#answers.clear()
    this.dropPartial()
    this.#follow()
  }

  /**
   * A message of a user of the session; one that was typed here is shown already.
   *
   * @param spokenHere this page's microphone is open
   * @param partial more of it will come: it replaces the part before, and is not read aloud
   */
  userSaid(text: string, { spokenHere = false, partial = false }: { spokenHere?: boolean; partial?: boolean } = {}): void {
    if (!partial && this.#confirm(text)) return
    if (!partial) this.dropPartial()
    if (partial && this.#partial) this.#partial.text.textContent = text
    else {
      const entry = this.#add('user', spokenHere ? 'You' : 'Guest', text)
      entry.item.classList.toggle('other', !spokenHere)
      entry.item.classList.toggle('partial', partial)
      entry.item.ariaHidden = String(partial)
      if (partial) this.#partial = entry
    }
    this.#follow()
  }

  /** The sentence that begins to sound. */
  agentSaid(text: string, taskId: string | undefined): void {
    const known = taskId === undefined ? undefined : this.#answers.get(taskId)
    if (known) known.spoken.append(text)
    else {
      const { item, text: element } = this.#add('agent', this.name, '')
      const spoken = new SpokenText(element)
      spoken.append(text)
      if (taskId !== undefined) this.#answers.set(taskId, { item, spoken })
      const [oldest] = this.#answers.keys()
      if (this.#answers.size > MAX_OPEN_ANSWERS && oldest !== undefined) this.#answers.delete(oldest)
    }
    this.#follow()
  }

  /** A word sounds. */
  word(word: string, taskId: string | undefined): void {
    this.#answers.get(taskId ?? '')?.spoken.mark(word)
  }

  /** Nothing sounds any more. */
  silence(): void {
    for (const { spoken } of this.#answers.values()) spoken.unmark()
    this.dropPartial()
  }

  /** Cuts an answer down to what was heard of it. */
  interrupted(taskId: string | null, heard: string): void {
    const entry = taskId === null ? undefined : this.#answers.get(taskId)
    if (!entry) return
    entry.item.classList.add('cut')
    entry.spoken.replace(heard === '' ? '…' : `${heard} …`)
    const note = document.createElement('span')
    note.className = 'note'
    note.textContent = 'interrupted'
    entry.item.append(note)
  }

  /** What was half understood turned out to be no turn. */
  dropPartial(): void {
    this.#partial?.item.remove()
    this.#partial = undefined
  }

  clear(): void {
    this.#list.replaceChildren()
    this.#answers.clear()
    this.#unconfirmed = []
    this.#partial = undefined
  }

  /** Whether this was typed here and waited to come back. */
  #confirm(text: string): boolean {
    const at = this.#unconfirmed.findIndex(({ said }) => said === text)
    if (at >= 0) this.#unconfirmed.splice(at, 1)
    return at >= 0
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
