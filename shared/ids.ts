/** Identifiers: their form and who mints them. */
import * as z from 'zod'

/** UUID version 4 (RFC 9562); read in upper case too, and used in lower case everywhere. */
export const SessionId = z
  .uuid()
  .toLowerCase()
  .meta({ id: 'SessionId', description: 'Session identifier, a UUID.', example: '550e8400-e29b-41d4-a716-446655440000' })
export type SessionId = z.infer<typeof SessionId>

/** `task_` and 12 lower-case letters or digits; unguessable is not needed, unique within a session is. */
export const TaskId = z
  .string()
  .regex(/^task_[0-9a-z]{6,32}$/)
  .meta({ id: 'TaskId', description: 'One thing the avatar was asked to say.', example: 'task_123456' })
export type TaskId = z.infer<typeof TaskId>

export function newSessionId(): string {
  return crypto.randomUUID()
}

/** A fresh id such as `task_x3k9q0p2m1ab`: the prefix and 12 random base-36 characters. */
export function newId(prefix: 'task' | 'req' | 'cli'): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12))
  let text = ''
  for (const byte of bytes) text += (byte % 36).toString(36)
  return `${prefix}_${text}`
}
