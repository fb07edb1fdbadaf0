/** Handlers by event type. */

export type Handler<Args extends unknown[]> = (...args: Args) => unknown

export class Emitter<Events extends { [Type in keyof Events]: unknown[] }> {
  readonly #handlers = new Map<keyof Events, Set<Handler<never>>>()
  readonly #onHandlerError: (error: unknown, type: keyof Events) => void

  /** @param onHandlerError told of a handler that throws or rejects; the others still run */
  constructor(onHandlerError: (error: unknown, type: keyof Events) => void) {
    this.#onHandlerError = onHandlerError
  }

  /** Returns the function that takes the handler off again. */
  on<Type extends keyof Events>(type: Type, handler: Handler<Events[Type]>): () => void {
    const handlers = this.#handlers.get(type) ?? new Set()
    this.#handlers.set(type, handlers)
    handlers.add(handler)
    return () => this.off(type, handler)
  }

  off<Type extends keyof Events>(type: Type, handler: Handler<Events[Type]>): void {
    this.#handlers.get(type)?.delete(handler)
  }

  has(type: keyof Events): boolean {
    return (this.#handlers.get(type)?.size ?? 0) > 0
  }

  emit<Type extends keyof Events>(type: Type, ...args: Events[Type]): void {
    for (const handler of [...(this.#handlers.get(type) ?? [])]) {
      try {
        const result = (handler as Handler<Events[Type]>)(...args)
        if (result instanceof Promise) result.catch((error: unknown) => this.#onHandlerError(error, type))
      } catch (error) {
        this.#onHandlerError(error, type)
      }
    }
  }
}
