/** How long the last answer took: from the key press to words, sound and picture. */

interface Turn {
  sentAtMs: number
  wordMs?: number
  serverMs?: number
  heardAtMs?: number
  seenMs?: number
}

const ROWS = [
  ['wordMs', 'word', 'From sending to the first word of the reply'],
  ['serverMs', 'voice', 'On the server: from the request to its first sound'],
  ['heardMs', 'heard', 'From sending to the first sound from this device'],
  ['seenMs', 'seen', 'From sending to the first picture that belongs to it'],
] as const

export class Ledger {
  readonly #element: HTMLElement
  #turn: Turn | undefined

  constructor(element: HTMLElement) {
    this.#element = element
  }

  sent(): void {
    this.#turn = { sentAtMs: performance.now() }
  }

  firstWord(): void {
    this.#set('wordMs', this.#since(performance.now()))
  }

  /** @param latencyMs what the server measured */
  started(latencyMs: number): void {
    this.#set('serverMs', latencyMs)
  }

  /** @param atMs `performance.now()` at which the first sound is heard */
  heard(atMs: number): void {
    this.#set('heardAtMs', atMs)
  }

  /** A picture is on the screen. */
  picture(): void {
    const { heardAtMs, seenMs } = this.#turn ?? {}
    const now = performance.now()
    // half a picture early is the picture that belongs to the sound
    if (heardAtMs !== undefined && seenMs === undefined && now >= heardAtMs - 20) this.#set('seenMs', this.#since(now))
  }

  clear(): void {
    this.#turn = undefined
    this.#element.replaceChildren()
  }

  #since(atMs: number): number {
    return atMs - (this.#turn?.sentAtMs ?? atMs)
  }

  #set(field: keyof Turn, ms: number): void {
    if (!this.#turn || this.#turn[field] !== undefined) return
    this.#turn[field] = ms
    this.#show(this.#turn)
  }

  #show({ sentAtMs, heardAtMs, ...rest }: Turn): void {
    const times = { ...rest, heardMs: heardAtMs === undefined ? undefined : heardAtMs - sentAtMs }
    const pairs = ROWS.flatMap(([key, name, title]) => {
      const ms = times[key]
      if (ms === undefined) return []
      const pair = document.createElement('div')
      const term = document.createElement('dt')
      const value = document.createElement('dd')
      pair.title = title
      term.textContent = name
      value.textContent = `${Math.max(0, Math.round(ms))} ms`
      pair.append(term, value)
      return [pair]
    })
    this.#element.replaceChildren(...pairs)
  }
}
