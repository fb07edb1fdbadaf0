/**
 * The sound of a vendor's answer, by what it says it is and by its first bytes: compatible servers answer with other containers
 * and rates than were asked for, and with errors that they call a success.
 */
import { parseAudioFormat } from '../../../shared/audio-format.ts'
import { AvatarError } from '../../../shared/errors.ts'
import { AudioDecoder, type AudioHint } from '../../codec/audio.ts'
import { PcmPieces } from './pcm-pieces.ts'

/** Bytes of an answer that is text: enough for the vendor's words. */
const MAX_TEXT_BYTES = 4096
/** Characters of the vendor's words that the caller is given. */
const MAX_WORDS = 200

export interface VendorAudioOptions {
  provider: string
  /** Taken out of whatever the vendor answered. */
  key: string
}

export class VendorAudio {
  readonly #options: VendorAudioOptions
  readonly #decoder = new AudioDecoder()
  readonly #pieces = new PcmPieces()
  #hint: AudioHint | undefined
  /** An answer that is text: an error, not sound. */
  #text: Buffer | undefined

  constructor(options: VendorAudioOptions) {
    this.#options = options
  }

  /** Samples received, given or not. */
  get receivedSamples(): number {
    return this.#pieces.receivedSamples
  }

  /** @param contentType of the answer, where it has one @throws AvatarError `PROVIDER_FAILED` when it is no sound */
  async push(bytes: Uint8Array, contentType?: string | null): Promise<Int16Array[]> {
    if (bytes.length === 0) return []
    if (!this.#hint) {
      this.#hint = hintOf(contentType)
      if (isText(contentType, bytes)) this.#text = Buffer.alloc(0)
    }
    if (this.#text) {
      this.#text = Buffer.concat([this.#text, bytes.subarray(0, MAX_TEXT_BYTES - this.#text.length)])
      if (this.#text.length >= MAX_TEXT_BYTES) throw this.#noSound(this.#text)
      return []
    }
    const hint = this.#hint
    return this.#pieces.push(await this.#decode(() => this.#decoder.push(bytes, hint), bytes))
  }

  /** The answer is complete: the rest. @throws AvatarError `PROVIDER_FAILED` when there was no sound in it */
  async finish(): Promise<Int16Array[]> {
    if (this.#text) throw this.#noSound(this.#text)
    const rest = await this.#rest()
    if (this.#pieces.receivedSamples === 0) throw this.#failure('answered without any sound', 'empty')
    return rest
  }

  /** The answer broke off: what is there of the rest. */
  async salvage(): Promise<Int16Array[]> {
    try {
      return await this.#rest()
    } catch {
      return this.#pieces.flush()
    }
  }

  close(): void {
    this.#decoder.close()
  }

  async #rest(): Promise<Int16Array[]> {
    const pcm = await this.#decode(() => this.#decoder.finish())
    return [...this.#pieces.push(pcm), ...this.#pieces.flush()]
  }

  async #decode(work: () => Promise<Int16Array>, bytes?: Uint8Array): Promise<Int16Array> {
    try {
      return await work()
    } catch (thrown) {
      if (!(thrown instanceof AvatarError) || thrown.code === 'CAPACITY_EXCEEDED') throw thrown
      const found = String(thrown.details.found ?? thrown.message)
      if (found === 'it is text' && bytes) throw this.#noSound(Buffer.from(bytes.subarray(0, MAX_TEXT_BYTES)), thrown)
      throw this.#failure(`answered with sound that cannot be used: ${found}`, 'no_sound', thrown)
    }
  }

  #noSound(text: Buffer, cause?: unknown): AvatarError {
    return textFailure(text.toString('utf8'), this.#options, cause)
  }

  #failure(what: string, reason: string, cause?: unknown): AvatarError {
    const { provider } = this.#options
    return new AvatarError('PROVIDER_FAILED', `The provider (${provider}) ${what}.`, { provider, reason }, cause ? { cause } : {})
  }
}

/** For an answer that is an error's text, though it came as a success: with the vendor's words, bounded, without the key. */
export function textFailure(text: string, { provider, key }: VendorAudioOptions, cause?: unknown): AvatarError {
  const words = wordsOf(text)
  const said = (key ? words.replaceAll(key, '[hidden]') : words).slice(0, MAX_WORDS)
  const message = `The provider (${provider}) answered with no sound but with text: ${JSON.stringify(said)}.`
  return new AvatarError('PROVIDER_FAILED', message, { provider, reason: 'no_sound' }, cause ? { cause } : {})
}

/** What vendors call by a name of its own is read as that; the rest as the bytes say. */
function hintOf(contentType: string | null | undefined): AudioHint {
  const said = parseAudioFormat(contentType ?? '')
  const raw = said && said.encoding !== 'file' && said.encoding !== 'auto' && said.encoding !== 's16le'
  return {
    format: raw ? (contentType ?? 'auto') : 'auto',
    ...(said?.sampleRate ? { sample_rate: said.sampleRate } : {}),
    ...(said?.channels ? { channels: said.channels } : {}),
  }
}

function isText(contentType: string | null | undefined, bytes: Uint8Array): boolean {
  if (/^\s*[[{<]/.test(Buffer.from(bytes.subarray(0, 16)).toString('latin1')) && /json|text|xml|html|^$/.test(contentType ?? ''))
    return true
  return (
    /^(text\/|application\/(problem\+)?(json|xml))/i.test(contentType ?? '') &&
    bytes.subarray(0, 64).every((byte) => byte < 0x80 && byte >= 9)
  )
}

/** The message in an error's body, whatever the vendor calls it; else its words without markup. */
function wordsOf(text: string): string {
  try {
    const body = JSON.parse(text) as Record<string, unknown>
    const inner = [body.error, body.detail, body].find((one) => typeof one === 'object' && one !== null) as Record<string, unknown>
    const message = [inner.message, inner.detail, inner.error, body.message, body.error, body.detail].find((one) => typeof one === 'string')
    if (typeof message === 'string') return message
  } catch {
    // no JSON, or more than is kept of it
  }
  return text
    .replace(/<(script|style)[\s\S]*?<\/\1>|<[^>]*>/gi, ' ')
    .replace(/\s+/g, ' ')
    .trim()
}
