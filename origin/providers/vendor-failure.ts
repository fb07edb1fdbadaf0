/** Turns a vendor's refusal into an error that tells the operator what to do and contains no secret. */
import { AvatarError } from '../../shared/errors.ts'

/** Longest part of a vendor's own words that is kept for the log or told to the caller, characters. */
const MAX_CAUSE_CHARS = 300

/** What to set or do, by what went wrong. */
export interface VendorHints {
  /** Who failed, as in `details.provider`. */
  provider: string
  /** Name of the variable that holds the key. */
  keyVariable: string
  /** Never leaves: taken out of whatever the vendor answered. */
  key: string
  /** What to look at when something asked for does not exist: variables or a voice id. */
  notFound: string
}

/** The HTTP status that an error of a vendor's package carries, whatever the package calls it. */
export function statusOf(thrown: unknown): number | undefined {
  if (typeof thrown !== 'object' || thrown === null) return undefined
  if ('status' in thrown && typeof thrown.status === 'number') return thrown.status
  return 'statusCode' in thrown && typeof thrown.statusCode === 'number' ? thrown.statusCode : undefined
}

/** @param reason the vendor's own error code, where it has one: `quota_exceeded` */
export function vendorFailure(thrown: unknown, hints: VendorHints, reason?: string): AvatarError {
  if (thrown instanceof AvatarError) return thrown
  const { provider, key } = hints
  const status = statusOf(thrown)
  const retry_after_s = status === 429 ? retryAfterS(thrown) : undefined
  // a refused key concerns the operator alone
  const words = status === 401 || status === 403 ? undefined : vendorWords(thrown, key)
  return new AvatarError(
    'PROVIDER_FAILED',
    `The provider (${provider}) did not answer: ${hintFor(status, hints, reason)}.${words === undefined ? '' : ` It said: ${words}`}`,
    {
      provider,
      ...(status === undefined ? {} : { status }),
      ...(words === undefined ? {} : { vendor_message: words }),
      ...(retry_after_s === undefined ? {} : { retry_after_s }),
    },
    { cause: new Error(bounded(causeOf(thrown), key)) },
  )
}

/** The message in a vendor's error body, wherever its package keeps that; undefined for errors of our own side of the line. */
function vendorWords(thrown: unknown, key: string): string | undefined {
  for (const path of [
    ['error', 'error', 'message'],
    ['error', 'message'],
    ['error', 'detail'],
    ['error'],
    ['body', 'detail', 'message'],
    ['body', 'detail'],
  ]) {
    const words = path.reduce<unknown>((at, name) => (typeof at === 'object' && at !== null ? Reflect.get(at, name) : undefined), thrown)
    if (typeof words === 'string' && words.trim() !== '') return bounded(words.trim(), key)
  }
  return undefined
}

/** s that the vendor asks to wait, at most an hour. */
function retryAfterS(thrown: unknown): number | undefined {
  const headers = typeof thrown === 'object' && thrown !== null && 'headers' in thrown ? thrown.headers : undefined
  const seconds = headers instanceof Headers ? Math.ceil(Number(headers.get('retry-after') ?? Number.NaN)) : Number.NaN
  return seconds >= 1 && seconds <= 3_600 ? seconds : undefined
}

function hintFor(status: number | undefined, { keyVariable, notFound }: VendorHints, reason: string | undefined): string {
  if (reason === 'quota_exceeded' || status === 402) return 'its quota or credit is used up; renew it with the vendor'
  if (status === 401 || status === 403) return `the origin’s ${keyVariable} was refused`
  if (status === 404) return `something asked for was not found; check ${notFound}`
  if (status === 429) return 'its rate limit or quota is used up; try again later'
  if (status === 400 || status === 413 || status === 422) return `it did not accept the request; check the request, or ${notFound}`
  return 'it could not be reached or failed; try again'
}

/** What the log keeps: name and message, without the request and response that packages attach. */
function causeOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown)
  return `${thrown.name}: ${thrown.message}${thrown.cause instanceof Error ? ` (${thrown.cause.message})` : ''}`
}

/** Keys of other forms are hidden too: vendors repeat a part of what they were sent. */
function bounded(words: string, key: string): string {
  const hidden = key ? words.replaceAll(key, '[hidden]') : words
  return hidden.replace(/\b(?:sk|pk|xi|gsk|key|Bearer)[-_ ][\w.*-]{6,}/g, '[hidden]').slice(0, MAX_CAUSE_CHARS)
}
