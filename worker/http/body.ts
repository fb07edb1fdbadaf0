/** Reads a request's body: bounded while it comes in, whatever its content-length says. */
import type * as z from 'zod'
import { AvatarError } from '../../shared/errors.ts'
import { parseInput } from './parse-input.ts'

/** @throws AvatarError PAYLOAD_TOO_LARGE, INVALID_JSON or INVALID_REQUEST with `details.issues` */
export async function readJson<Schema extends z.ZodType>(request: Request, schema: Schema, maxBytes: number): Promise<z.output<Schema>> {
  const text = await readText(request, maxBytes)
  return check(schema, text === '' ? {} : parse(text))
}

/** @param value changed where it has nulls that mean nothing @throws AvatarError INVALID_REQUEST with `details.issues` */
export function check<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const parsed = parseInput(schema, value)
  if (parsed.ok) return parsed.value
  const { issues } = parsed
  const said = issues.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join('; ')
  throw new AvatarError('INVALID_REQUEST', said, { issues })
}

/** @throws AvatarError PAYLOAD_TOO_LARGE, or INVALID_REQUEST with status 415 for a compressed body */
export async function readText(request: Request, maxBytes: number): Promise<string> {
  const encoding = request.headers.get('content-encoding') ?? 'identity'
  if (encoding !== 'identity') {
    throw new UnsupportedMediaType('INVALID_REQUEST', 'Send the body without content-encoding.', {
      content_encoding: encoding.slice(0, 128),
    })
  }
  if (Number(request.headers.get('content-length') ?? 0) > maxBytes) throw tooLarge(maxBytes)
  const decoder = new TextDecoder()
  let text = ''
  let bytes = 0
  const reader = request.body?.getReader()
  for (;;) {
    const piece = await reader?.read()
    if (piece === undefined || piece.done) return text + decoder.decode()
    bytes += piece.value.byteLength
    if (bytes > maxBytes) {
      await reader?.cancel()
      throw tooLarge(maxBytes)
    }
    text += decoder.decode(piece.value, { stream: true })
  }
}

export const UNSUPPORTED_MEDIA_TYPE = 415

/** 415 for another media type or encoding; the table of codes has no row of its own for it. */
class UnsupportedMediaType extends AvatarError {
  override get status(): number {
    return UNSUPPORTED_MEDIA_TYPE
  }
}

/** @throws AvatarError INVALID_REQUEST with status 415 */
export function requireMediaType(request: Request, wanted: string): void {
  const given = (request.headers.get('content-type') ?? '').split(';')[0]?.trim().toLowerCase()
  if (given === wanted) return
  const said = given ? `The body is said to be ${given.slice(0, 128)}` : 'The content-type is missing'
  throw new UnsupportedMediaType('INVALID_REQUEST', `${said}: send it as content-type ${wanted}.`, {
    content_type: given?.slice(0, 128) ?? '',
  })
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new AvatarError('INVALID_JSON', 'The body is not valid JSON.', {}, { cause })
  }
}

function tooLarge(maxBytes: number): AvatarError {
  return new AvatarError('PAYLOAD_TOO_LARGE', `The body is larger than ${maxBytes} bytes.`, { max_bytes: maxBytes })
}
