/** base64 (RFC 4648) as clients send it. */
import { audioFailure, MAX_INPUT_BYTES, tooLarge } from './audio-failures.ts'

/** Longest prefix of a `data:` URL (RFC 2397): a media type with its parameters. */
const MAX_PREFIX_CHARS = 200

/**
 * Bytes of a base64 text of either alphabet, with or without padding, white space and the prefix of a `data:` URL.
 *
 * @throws AvatarError `AUDIO_PROCESSING_ERROR` saying what is wrong; `PAYLOAD_TOO_LARGE`
 */
export function decodeBase64Audio(text: string): Uint8Array {
  // with line ends of 2 characters after every 64
  if (text.length > Math.ceil((MAX_INPUT_BYTES / 3) * 4 * 1.04)) throw tooLarge(Math.floor((text.length * 3) / 4))
  const content = withoutPrefix(text).replace(/\s+/g, '')
  if (content === '') throw audioFailure('the audio is empty')
  const [, digits = '', padding = '', rest = ''] = /^([A-Za-z0-9+/_-]*)(={0,2})(.?)/su.exec(content) ?? []
  if (rest !== '') {
    const place = digits.length + padding.length
    const what =
      padding === ''
        ? `the character at ${place} is none of its alphabet`
        : 'characters follow its padding; send each part in a message of its own'
    throw audioFailure(`it is not valid base64: ${what}`)
  }
  if (digits.length % 4 === 1)
    throw audioFailure(`it is not valid base64: it was cut, ${digits.length} characters are no whole number of bytes`)
  const bytes = Buffer.from(digits, 'base64')
  if (bytes.length > MAX_INPUT_BYTES) throw tooLarge(bytes.length)
  return bytes
}

function withoutPrefix(text: string): string {
  if (!/^\s*data:/i.test(text)) return text
  const comma = text.indexOf(',')
  const prefix = text.slice(0, comma)
  if (comma < 0 || comma > MAX_PREFIX_CHARS) throw audioFailure('it is a data: URL without a comma before its content')
  if (!/;\s*base64\s*$/i.test(prefix)) throw audioFailure('it is a data: URL that is not base64')
  return text.slice(comma + 1)
}
