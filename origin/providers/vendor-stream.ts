/** Streams a vendor's answer, with timeouts that a listener accepts and one retry. */
import { setTimeout as delay } from 'node:timers/promises'
import { AvatarError } from '../../shared/errors.ts'
import { statusOf } from './vendor-failure.ts'

/** ms from the request to the first byte, a second try included. */
const FIRST_BYTE_TIMEOUT_MS = 8_000
/** ms between two pieces of an answer. */
const STALL_TIMEOUT_MS = 8_000
/** ms before the second try, and the longest that a vendor may ask us to wait instead. */
const RETRY_DELAY_MS = 250
const MAX_RETRY_DELAY_MS = 1_500
const ATTEMPTS = 2

export interface VendorStreamOptions<Item> {
  provider: string
  /** Sends the request; the answer's items. Both end when the signal is aborted. */
  open: (signal: AbortSignal) => Promise<AsyncIterable<Item>>
  /** The error that the caller gets for a failure of the vendor. */
  failure: (thrown: unknown) => AvatarError
  signal: AbortSignal
  firstByteTimeoutMs?: number | undefined
  stallTimeoutMs?: number | undefined
}

/**
 * Items of the answer. One further try is made when the vendor is too busy, is failing or cannot be reached, and never
 * once something was received. The request is cancelled when the consumer leaves.
 *
 * @throws AvatarError `PROVIDER_FAILED`; the signal's reason when aborted
 */
export async function* streamFromVendor<Item>(options: VendorStreamOptions<Item>): AsyncGenerator<Item> {
  const { provider, open, failure, signal } = options
  const { firstByteTimeoutMs = FIRST_BYTE_TIMEOUT_MS, stallTimeoutMs = STALL_TIMEOUT_MS } = options
  const timeout = new AbortController()
  const both = AbortSignal.any([signal, timeout.signal])
  const lose = (): void =>
    timeout.abort(
      new AvatarError('PROVIDER_FAILED', `The provider (${provider}) took too long; try again.`, { provider, reason: 'timeout' }),
    )
  let timer = setTimeout(lose, firstByteTimeoutMs)
  try {
    const items = (await unlessAborted(openTwice(open, both), both))[Symbol.asyncIterator]()
    for (;;) {
      const { done, value } = await unlessAborted(items.next(), both)
      clearTimeout(timer)
      if (done) return
      yield value
      timer = setTimeout(lose, stallTimeoutMs)
    }
  } catch (thrown) {
    both.throwIfAborted()
    throw failure(thrown)
  } finally {
    clearTimeout(timer)
    timeout.abort(new DOMException('nobody listens any more', 'AbortError'))
  }
}

async function openTwice<Item>(open: (signal: AbortSignal) => Promise<Item>, signal: AbortSignal): Promise<Item> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await open(signal)
    } catch (thrown) {
      signal.throwIfAborted()
      const status = statusOf(thrown)
      if (attempt === ATTEMPTS || (status !== undefined && status !== 429 && status < 500)) throw thrown
      await delay(retryDelayMs(thrown), undefined, { signal })
    }
  }
}

/** What the vendor asks for in `Retry-After`, bounded: a listener does not wait for longer. */
function retryDelayMs(thrown: unknown): number {
  const seconds = Number(headersOf(thrown)?.get('retry-after') ?? Number.NaN)
  return seconds > 0 ? Math.min(MAX_RETRY_DELAY_MS, seconds * 1000) : RETRY_DELAY_MS
}

function headersOf(thrown: unknown): Headers | undefined {
  if (typeof thrown !== 'object' || thrown === null) return undefined
  if ('headers' in thrown && thrown.headers instanceof Headers) return thrown.headers
  return 'rawResponse' in thrown ? headersOf(thrown.rawResponse) : undefined
}

/** A promise that may take longer to notice the abort than its caller has time for. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const leave = (): void => reject(signal.reason)
    if (signal.aborted) leave()
    else signal.addEventListener('abort', leave, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave))
  })
}
