/** Waits for something to become true, and says what it was when it does not. */
import { setTimeout as delay } from 'node:timers/promises'

export async function until<T>(
  what: string,
  check: () => T | undefined | false | Promise<T | undefined | false>,
  timeoutMs = 5_000,
): Promise<T> {
  const byMs = performance.now() + timeoutMs
  for (;;) {
    const found = await check()
    if (found !== undefined && found !== false) return found
    if (performance.now() > byMs) throw new Error(`waited ${timeoutMs} ms for ${what}`)
    await delay(5)
  }
}
