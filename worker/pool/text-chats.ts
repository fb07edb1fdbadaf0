/** Chats without a session: text alone, answered by the least loaded origin. */
import type { ChatRequest } from '../../shared/chat.ts'
import type { CallResult } from '../objects/contracts.ts'
import { CHAT_MS, PendingCalls } from '../objects/pending-calls.ts'
import { CAPACITY_RETRY_S, fail, noOrigin, type Result } from '../objects/result.ts'
import type { ControlSocket } from './control-socket.ts'

/** Chats that may run at one time: each holds some memory of the pool, of which there is one. */
const MAX_CHATS = 256
const NO_ORIGIN = 'No origin is connected; try again in a moment.'

export class TextChats {
  readonly #pendingCalls = new PendingCalls<ControlSocket>({
    cancel: (id, origin) => origin.send({ type: 'cancel', id }),
    noOrigin: NO_ORIGIN,
  })

  async ask(id: string, origin: ControlSocket | undefined, params: ChatRequest): Promise<Result<CallResult>> {
    if (origin === undefined) return noOrigin(NO_ORIGIN)
    return this.#pendingCalls.size < MAX_CHATS ? this.#pendingCalls.ask(id, origin, sending(origin, params), CHAT_MS) : tooMany()
  }

  /** As server-sent events, ending in `data: [DONE]`. */
  async askStream(id: string, origin: ControlSocket | undefined, params: ChatRequest): Promise<Result<ReadableStream<Uint8Array>>> {
    if (origin === undefined) return noOrigin(NO_ORIGIN)
    return this.#pendingCalls.size < MAX_CHATS ? this.#pendingCalls.askStream(id, origin, sending(origin, params)) : tooMany()
  }

  settle(id: string, result: Result<CallResult>): void {
    this.#pendingCalls.settle(id, result)
  }

  chunk(id: string, data: string): void {
    this.#pendingCalls.chunk(id, data)
  }

  cancel(id: string): void {
    this.#pendingCalls.cancel(id)
  }

  /** The origin is gone: its chats fail. */
  lost(origin: ControlSocket): void {
    this.#pendingCalls.failAll(noOrigin('The origin that answered is gone; try again.').error, (asked) => asked === origin)
  }
}

function sending(origin: ControlSocket, params: ChatRequest): (id: string) => boolean {
  return (id) => origin.send({ type: 'text_chat', id, params })
}

function tooMany(): Result<never> {
  return fail('CAPACITY_EXCEEDED', `At most ${MAX_CHATS} chats without a session at one time; try again.`, {
    retry_after_s: CAPACITY_RETRY_S,
  })
}
