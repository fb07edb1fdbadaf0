/** Parses one message of a client, and says what is wrong with it. */
import { MAX_BODY_BYTES } from '../../shared/api.ts'
import { AvatarError } from '../../shared/errors.ts'
import { ClientEvent } from '../../shared/events.ts'
import { parseInput } from '../http/parse-input.ts'

/** Largest message with sound: 60 s of mono 24 kHz at 32 bit in base64 fit, of stereo 48 kHz do not. */
const MAX_AUDIO_MESSAGE_BYTES = 8 * 1024 * 1024
const AUDIO_EVENTS: readonly unknown[] = ['audio_buffer_append', 'user_audio_append']
const KNOWN = ClientEvent.options.map((option) => option.shape.type.value)

/** @throws AvatarError INVALID_JSON, UNKNOWN_EVENT, INVALID_REQUEST or PAYLOAD_TOO_LARGE */
export function parseClientMessage(message: string | ArrayBuffer): ClientEvent {
  if (typeof message !== 'string') {
    throw new AvatarError('INVALID_REQUEST', 'Binary messages are not read; send events as JSON text, sound as base64 in `data.audio`.')
  }
  if (exceeds(message, MAX_AUDIO_MESSAGE_BYTES)) throw tooLarge(MAX_AUDIO_MESSAGE_BYTES)
  const value = parse(message)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new AvatarError('INVALID_REQUEST', 'An event is a JSON object with a `type`.', { known: KNOWN })
  }
  const type: unknown = 'type' in value ? value.type : undefined
  if (!AUDIO_EVENTS.includes(type) && exceeds(message, MAX_BODY_BYTES)) throw tooLarge(MAX_BODY_BYTES)
  if (typeof type !== 'string') {
    throw new AvatarError('INVALID_REQUEST', 'An event needs a `type`.', {
      issues: [{ path: 'type', message: 'must be a string' }],
      known: KNOWN,
    })
  }
  if (!KNOWN.some((known) => known === type)) {
    throw new AvatarError('UNKNOWN_EVENT', `There is no event of this type; known are ${KNOWN.join(', ')}.`, {
      type: type.slice(0, 64),
      known: KNOWN,
    })
  }
  const parsed = parseInput(ClientEvent, value)
  if (parsed.ok) return parsed.value
  const { issues } = parsed
  throw new AvatarError('INVALID_REQUEST', `${type}: ${issues.map(({ path, message }) => `${path}: ${message}`).join('; ')}`, { issues })
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new AvatarError('INVALID_JSON', 'The message is not valid JSON.', {}, { cause })
  }
}

function tooLarge(maxBytes: number): AvatarError {
  return new AvatarError('PAYLOAD_TOO_LARGE', `The message is larger than ${maxBytes} bytes; send sound in smaller pieces.`, {
    max_bytes: maxBytes,
  })
}

/** Whether the text is longer than `bytes` in UTF-8; a UTF-16 unit takes one to three of them. */
function exceeds(text: string, bytes: number): boolean {
  if (text.length > bytes) return true
  return text.length * 3 > bytes && new TextEncoder().encode(text).length > bytes
}
