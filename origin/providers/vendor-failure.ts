/** Turns a vendor's refusal into an error that tells the operator what to do and contains no secret. */
import { AvatarError } from '../../shared/errors.ts'

/** Longest part of a vendor's own words that is kept for the log, characters. */
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
  return new AvatarError(
    'PROVIDER_FAILED',
    `The provider (${provider}) did not answer: ${hintFor(status, hints, reason)}.`,
    { provider, ...(status === undefined ? {} : { status }) },
    { cause: withoutKey(thrown, key) },
  )
}

function hintFor(status: number | undefined, { keyVariable, notFound }: VendorHints, reason: string | undefined): string {
  if (reason === 'quota_exceeded' || status === 402) return 'its quota or credit is used up; renew it with the vendor'
  if (status === 401 || status === 403) return `the origin’s ${keyVariable} was refused`
  if (status === 404) return `something asked for was not found; check ${notFound}`
  if (status === 429) return 'its rate limit or quota is used up; try again later'
  if (status === 400 || status === 422) return `it did not accept the request; check ${notFound}`
  return 'it could not be reached or failed; try again'
}

/** The error for the log: its message without the key, and without the request and response that packages attach. */
function withoutKey(thrown: unknown, key: string): Error {
  const words = thrown instanceof Error ? `${thrown.name}: ${thrown.message}${causeOf(thrown)}` : String(thrown)
  return new Error((key ? words.replaceAll(key, '[hidden]') : words).slice(0, MAX_CAUSE_CHARS))
}

function causeOf({ cause }: Error): string {
  return cause instanceof Error ? ` (${cause.message})` : ''
}
