/** Waits for something to become true, and says what it was when it does not. */
import process from 'node:process'
import { setTimeout as delay } from 'node:timers/promises'
import { PATIENCE_MS } from './patience.ts'

/** Between two looks, ms. */
const LOOK_AGAIN_MS = 5

/**
 * What the check gives, once it is neither undefined nor false. Where a value has to become another, `expect.poll` shows both.
 *
 * @param what words for what is waited for, or for how it stands, asked when the wait was in vain
 * @throws Error after `PATIENCE_MS`
 */
export async function until<T>(
  what: string | (() => string),
  check: () => T | undefined | false | Promise<T | undefined | false>,
): Promise<T> {
  // not by a clock that a test may have stopped
  const byNs = process.hrtime.bigint() + BigInt(PATIENCE_MS) * 1_000_000n
  for (;;) {
    const found = await check()
    if (found !== undefined && found !== false) return found
    if (process.hrtime.bigint() > byNs) throw new Error(`waited ${PATIENCE_MS / 1000} s for ${typeof what === 'string' ? what : what()}`)
    await delay(LOOK_AGAIN_MS)
  }
}
