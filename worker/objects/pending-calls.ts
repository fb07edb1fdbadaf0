/** HTTP requests that wait for the origin's answer. Kept in memory: a waiting request keeps its object awake. */
import { newId } from '../../shared/ids.ts'
import type { CallResult } from './contracts.ts'
import { type Failure, fail, noOrigin, type Result, succeed } from './result.ts'

/** How long the origin may take to answer, ms. */
export const ANSWER_MS = 10_000
/** How long a chat may take in total, and how long it may send nothing, ms. */
export const CHAT_MS = 240_000
/** Longer than LLM_FIRST_TOKEN_TIMEOUT_S may be. */
const CHAT_SILENCE_MS = 130_000
/** Largest backlog of a slow reader of a streamed chat, bytes. */
const MAX_UNREAD_BYTES = 1_048_576

interface Pending<Target> {
  target: Target
  settle(result: Result<CallResult>): void
  chunk(data: string): void
}

/** Sends a request to its origin; false when none is connected. A request may be large: only its target is kept. */
type Send = (id: string) => boolean

export interface PendingCallsOptions<Target> {
  /** Tells the origin that the answer is no longer needed. */
  cancel(id: string, target: Target): void
  /** The error message when no origin is connected. */
  noOrigin: string
}

/** `Target`: who answers. */
export class PendingCalls<Target = undefined> {
  readonly #options: PendingCallsOptions<Target>
  readonly #pending = new Map<string, Pending<Target>>()

  constructor(options: PendingCallsOptions<Target>) {
    this.#options = options
  }

  get size(): number {
    return this.#pending.size
  }

  /** Sends a request and waits for its one answer. @param waitMs how long the answer may take */
  ask(requestId: string, target: Target, send: Send, waitMs: number): Promise<Result<CallResult>> {
    const { promise, resolve } = Promise.withResolvers<Result<CallResult>>()
    const id = this.#freshId(requestId)
    const timer = setTimeout(() => this.#expire(id, 'The origin did not answer in time; try again.'), waitMs)
    this.#pending.set(id, {
      target,
      settle: (result) => {
        clearTimeout(timer)
        resolve(result)
      },
      chunk: () => undefined,
    })
    this.#dispatch(id, send)
    return promise
  }

  /** A streamed chat. A failure before the first chunk is the result; a later one is sent in the stream. */
  askStream(requestId: string, target: Target, send: Send): Promise<Result<ReadableStream<Uint8Array>>> {
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
      target,
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
    this.#dispatch(id, send)
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

  /** The HTTP client has disconnected. */
  cancel(id: string): void {
    const pending = this.#pending.get(id)
    if (pending === undefined) return
    this.#options.cancel(id, pending.target)
    this.#pending.delete(id)
    try {
      pending.settle(fail('INTERNAL_ERROR', 'The request was cancelled.'))
    } catch {
      // the reader has cancelled the stream: writing to it throws
    }
  }

  /** Fails all of them, or those that `which` selects. */
  failAll(error: Failure, which: (target: Target) => boolean = () => true): void {
    for (const [id, { target }] of [...this.#pending]) if (which(target)) this.settle(id, { ok: false, error })
  }

  #freshId(requestId: string): string {
    return this.#pending.has(requestId) ? newId('req') : requestId
  }

  #dispatch(id: string, send: Send): void {
    if (!send(id)) this.settle(id, noOrigin(this.#options.noOrigin))
  }

  #expire(id: string, message: string): void {
    const pending = this.#pending.get(id)
    if (pending === undefined) return
    this.#options.cancel(id, pending.target)
    this.settle(id, noOrigin(message))
  }
}
