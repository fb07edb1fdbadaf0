/** HTTP requests that wait for the origin's answer. In memory: a request keeps its object awake. */
import { newId } from '../../shared/ids.ts'
import type { LinkCall } from '../../shared/link.ts'
import { type Failure, fail, NO_ORIGIN, noOrigin, type Result, succeed } from '../result.ts'

/** How long the origin may take to answer, ms. */
const ANSWER_MS = 10_000
/** A chat: in all, and without a word. */
const CHAT_MS = 120_000
const CHAT_SILENCE_MS = 30_000
/** Text that a slow reader of a streamed chat may have waiting, bytes. */
const MAX_UNREAD_BYTES = 1_048_576

export type CallResult = Record<string, unknown>

interface Pending {
  settle(result: Result<CallResult>): void
  chunk(data: string): void
}

export interface PendingCallsOptions {
  /** Sends the request to the origin; false when there is none. */
  send(id: string, call: LinkCall): boolean
  /** Tells the origin that nobody waits for the answer any more. */
  cancel(id: string): void
}

export class PendingCalls {
  readonly #options: PendingCallsOptions
  readonly #pending = new Map<string, Pending>()

  constructor(options: PendingCallsOptions) {
    this.#options = options
  }

  /** One question, one answer. */
  ask(requestId: string, call: LinkCall): Promise<Result<CallResult>> {
    const { promise, resolve } = Promise.withResolvers<Result<CallResult>>()
    const id = this.#freshId(requestId)
    const timer = setTimeout(
      () => this.#expire(id, 'The origin did not answer in time; try again.'),
      call.method === 'chat' ? CHAT_MS : ANSWER_MS,
    )
    this.#pending.set(id, {
      settle: (result) => {
        clearTimeout(timer)
        resolve(result)
      },
      chunk: () => undefined,
    })
    this.#dispatch(id, call)
    return promise
  }

  /** A streamed chat: a failure before the first word is the result; a later one is told in the stream. */
  askStream(requestId: string, call: LinkCall): Promise<Result<ReadableStream<Uint8Array>>> {
    const { promise, resolve } = Promise.withResolvers<Result<ReadableStream<Uint8Array>>>()
    const id = this.#freshId(requestId)
    const encoder = new TextEncoder()
    let controller: ReadableStreamDefaultController<Uint8Array> | undefined
    const stream = new ReadableStream<Uint8Array>(
      {
        start: (own) => {
          controller = own
        },
        cancel: () => this.cancel(id),
      },
      new ByteLengthQueuingStrategy({ highWaterMark: 0 }),
    )
    const write = (data: string) => controller?.enqueue(encoder.encode(`data: ${data}\n\n`))

    const total = setTimeout(() => this.#expire(id, 'The reply took too long.'), CHAT_MS)
    let silence = setTimeout(() => this.#expire(id, 'The origin fell silent; try again.'), CHAT_SILENCE_MS)
    let started = false
    this.#pending.set(id, {
      chunk: (data) => {
        clearTimeout(silence)
        silence = setTimeout(() => this.#expire(id, 'The origin fell silent; try again.'), CHAT_SILENCE_MS)
        if (!started) resolve(succeed(stream))
        started = true
        write(data)
        if ((controller?.desiredSize ?? 0) < -MAX_UNREAD_BYTES) this.#expire(id, 'The reply was not read in time.')
      },
      settle: (result) => {
        clearTimeout(total)
        clearTimeout(silence)
        if (!started && !result.ok) return resolve(result)
        if (!started) resolve(succeed(stream))
        if (!result.ok) write(JSON.stringify({ error: result.error }))
        write('[DONE]')
        controller?.close()
      },
    })
    this.#dispatch(id, call)
    return promise
  }

  settle(id: string, result: Result<CallResult>): void {
    const pending = this.#pending.get(id)
    this.#pending.delete(id)
    pending?.settle(result)
  }

  chunk(id: string, data: string): void {
    this.#pending.get(id)?.chunk(data)
  }

  /** The HTTP client has gone. */
  cancel(id: string): void {
    if (!this.#pending.has(id)) return
    this.#options.cancel(id)
    const pending = this.#pending.get(id)
    this.#pending.delete(id)
    try {
      pending?.settle(fail('INTERNAL_ERROR', 'The request was cancelled.'))
    } catch {
      // the stream was cancelled from its other end: nobody reads what is said here
    }
  }

  failAll(error: Failure): void {
    for (const id of [...this.#pending.keys()]) this.settle(id, { ok: false, error })
  }

  #freshId(requestId: string): string {
    return this.#pending.has(requestId) ? newId('req') : requestId
  }

  #dispatch(id: string, call: LinkCall): void {
    if (!this.#options.send(id, call)) this.settle(id, noOrigin(NO_ORIGIN))
  }

  #expire(id: string, message: string): void {
    if (!this.#pending.has(id)) return
    this.#options.cancel(id)
    this.settle(id, noOrigin(message))
  }
}
