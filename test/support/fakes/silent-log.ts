import type { Logger } from '../../../origin/log.ts'

const nothing = (): void => undefined

/** A log that says nothing. */
export function createLogger(): Logger {
  const logger = { debug: nothing, info: nothing, warn: nothing, error: nothing, fatal: nothing, child: () => logger }
  return logger as unknown as Logger
}
