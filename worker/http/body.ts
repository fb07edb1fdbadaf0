/** Reads a request's JSON: bounded while it comes in, whatever its content-length says. */
import type * as z from 'zod'
import { MAX_BODY_BYTES } from '../../shared/api.ts'
import { AvatarError } from '../../shared/errors.ts'
import { issuesOf } from './issues.ts'

/** @throws AvatarError PAYLOAD_TOO_LARGE, INVALID_JSON or INVALID_REQUEST with `details.issues` */
export async function readBody<Schema extends z.ZodType>(request: Request, schema: Schema): Promise<z.output<Schema>> {
  const text = await readText(request, MAX_BODY_BYTES)
  const parsed = schema.safeParse(text === '' ? {} : parseJson(text))
  if (parsed.success) return parsed.data
  throw invalid(parsed.error)
}

/** The same fault for a query. */
export function invalid(error: z.ZodError): AvatarError {
  const issues = issuesOf(error)
  const said = issues.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join('; ')
  return new AvatarError('INVALID_REQUEST', said, { issues })
}

/** @throws AvatarError PAYLOAD_TOO_LARGE */
export async function readText(request: Request, maxBytes: number): Promise<string> {
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

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new AvatarError('INVALID_JSON', 'The body is not valid JSON.', {}, { cause })
  }
}

function tooLarge(maxBytes: number): AvatarError {
  return new AvatarError('PAYLOAD_TOO_LARGE', `The body is larger than ${maxBytes} bytes.`, { max_bytes: maxBytes })
}
