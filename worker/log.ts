/** One JSON line per event: a static message and fields. Speech, prompts, names and keys are never logged. */
const LEVELS = { debug: 10, info: 20, warn: 30, error: 40, silent: 99 } as const
export type LogLevel = keyof typeof LEVELS

let threshold: number = LEVELS.info

export function setLogLevel(level: LogLevel): void {
  threshold = LEVELS[level]
}

function write(level: Exclude<LogLevel, 'silent'>, message: string, fields: Record<string, unknown>): void {
  if (LEVELS[level] < threshold) return
  // biome-ignore lint/suspicious/noConsole: the one place that writes; Workers log through the console
  console[level](JSON.stringify({ level, message, ...fields }))
}

export const log = {
  debug: (message: string, fields: Record<string, unknown> = {}) => write('debug', message, fields),
  info: (message: string, fields: Record<string, unknown> = {}) => write('info', message, fields),
  warn: (message: string, fields: Record<string, unknown> = {}) => write('warn', message, fields),
  error: (message: string, fields: Record<string, unknown> = {}) => write('error', message, fields),
}

/** The text of a thrown value, for a log field. */
export function reasonOf(thrown: unknown): string {
  return thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown)
}

/** Work that is not awaited: its failure is logged under `label`. */
export function detached(label: string, work: Promise<unknown>): void {
  work.catch((thrown: unknown) => log.error('detached work failed', { label, reason: reasonOf(thrown) }))
}
