/** A bounded queue between a producer and a consumer that each keep their own pace. */

export interface ChannelOptions<T> {
  /** Most weight that may wait; the producer waits beyond it. One item always fits. */
  capacity: number
  /** Weight of an item, in the unit of `capacity`. @default 1 each */
  weigh?: (item: T) => number
}

export class Channel<T> implements AsyncIterable<T> {
  readonly #items: T[] = []
  readonly #capacity: number
  readonly #weigh: (item: T) => number
  #weight = 0
  #closed = false
  #failure: unknown
  #failed = false
  #wakeProducer: (() => void) | undefined
  #wakeConsumer: (() => void) | undefined

  constructor({ capacity, weigh = () => 1 }: ChannelOptions<T>) {
    this.#capacity = capacity
    this.#weigh = weigh
  }

  /** Resolves once the item is in the queue. @throws the signal's reason when aborted while waiting */
  async push(item: T, signal: AbortSignal): Promise<void> {
    const weight = this.#weigh(item)
    while (!this.#closed && this.#items.length > 0 && this.#weight + weight > this.#capacity) {
      signal.throwIfAborted()
      await this.#untilTaken(signal)
    }
    signal.throwIfAborted()
    if (this.#closed) return
    this.#items.push(item)
    this.#weight += weight
    this.#wakeConsumer?.()
  }

  /** The next item if there is one now. @throws what `fail` was given, once the items before it are taken */
  shift(): T | undefined {
    const item = this.#items.shift()
    if (item === undefined) {
      if (this.#failed) throw this.#failure
      return undefined
    }
    this.#weight -= this.#weigh(item)
    this.#wakeProducer?.()
    return item
  }

  /** What waits, oldest first; it stays where it is. */
  get items(): readonly T[] {
    return this.#items
  }

  /** No more items will come; those waiting are still handed out. */
  close(): void {
    this.#closed = true
    this.#wakeProducer?.()
    this.#wakeConsumer?.()
  }

  fail(reason: unknown): void {
    if (this.#closed) return
    this.#failed = true
    this.#failure = reason
    this.close()
  }

  /** Forgets everything that waits. */
  clear(): void {
    this.#items.length = 0
    this.#weight = 0
    this.#wakeProducer?.()
  }

  /** Nothing will come beyond what waits. */
  get closed(): boolean {
    return this.#closed
  }

  /** True when nothing waits and nothing will come. */
  get ended(): boolean {
    return this.#closed && this.#items.length === 0 && !this.#failed
  }

  /** Weight that waits. */
  get waiting(): number {
    return this.#weight
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    for (;;) {
      const item = this.shift()
      if (item !== undefined) {
        yield item
        continue
      }
      if (this.#closed) return
      await new Promise<void>((resolve) => {
        this.#wakeConsumer = resolve
      })
    }
  }

  #untilTaken(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const aborted = (): void => reject(signal.reason)
      signal.addEventListener('abort', aborted, { once: true })
      this.#wakeProducer = () => {
        signal.removeEventListener('abort', aborted)
        resolve()
      }
    })
  }
}
