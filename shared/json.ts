/** Reading JSON that may be damaged. */
import type * as z from 'zod'

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
