/** JSON of others: texts that may be damaged, and values of any shape. */
import * as z from 'zod'

/** Undefined when the text is not JSON; the schema that reads the value then refuses it. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // undefined says so
    return undefined
  }
}

/** Undefined when the text is not JSON or the schema refuses it. */
export function parseJsonAs<Schema extends z.ZodType>(schema: Schema, text: string): z.output<Schema> | undefined {
  const parsed = schema.safeParse(parseJson(text))
  return parsed.success ? parsed.data : undefined
}

/** Deepest nesting of a value of any shape; a deeper one is more than what hands it on can carry. */
export const MAX_JSON_DEPTH = 64

/** An object of any shape, within MAX_JSON_DEPTH. */
export const OpenObject = z
  .record(z.string(), z.unknown())
  .refine((value) => isWithinDepth(value, MAX_JSON_DEPTH), `must not be nested deeper than ${MAX_JSON_DEPTH} levels`)

/** Level by level, without recursion, which a value nested deep enough would break. An object without nested values has depth 1. */
export function isWithinDepth(root: unknown, maxDepth: number): boolean {
  let level = [root].filter(isNested)
  for (let depth = 1; level.length > 0; depth++) {
    if (depth > maxDepth) return false
    level = level.flatMap((value) => Object.values(value)).filter(isNested)
  }
  return true
}

function isNested(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}
