/** One clock for both streams: media time (ms, `performance.now()`'s scale) as RTP timestamps and as NTP time (RFC 3550 section 4). */
import { randomInt } from 'node:crypto'
import { performance } from 'node:perf_hooks'

/** s from 1900 to 1970. */
const NTP_OFFSET_S = 2_208_988_800

/** Whole and fractional seconds, 32 bits each. */
export function ntpTime(mediaMs: number): bigint {
  const seconds = (performance.timeOrigin + mediaMs) / 1000 + NTP_OFFSET_S
  const whole = Math.floor(seconds)
  return (BigInt(whole) << 32n) | BigInt(Math.floor((seconds - whole) * 2 ** 32))
}

/** The middle 32 bits of NTP time, in which reports tell delays: units of 1/65536 s, wrapping. */
function compactNtp(ntp: bigint): number {
  return Number((ntp >> 16n) & 0xffffffffn)
}

/** 24 bits, 6.18 fixed point seconds, wrapping every 64 s: the abs-send-time header extension. */
export function absSendTime(nowMs: number): Buffer {
  const seconds = (performance.timeOrigin + nowMs) / 1000
  const value = Math.floor((seconds % 64) * 2 ** 18) & 0xffffff
  const bytes = Buffer.allocUnsafe(3)
  bytes.writeUIntBE(value, 0, 3)
  return bytes
}

/** ms between a sender report's leaving and its echo (RFC 3550 section 6.4.1). */
export function roundTripMs(now: bigint, lastReport: number, delaySinceReport: number): number {
  return (((compactNtp(now) - lastReport - delaySinceReport) | 0) / 65_536) * 1000
}

/** RTP timestamps of one stream: where they begin is random. */
export class RtpClock {
  readonly #rate: number
  readonly #base = randomInt(2 ** 32)

  constructor(rateHz: number) {
    this.#rate = rateHz
  }

  at(mediaMs: number): number {
    return (this.#base + Math.round((mediaMs * this.#rate) / 1000)) % 2 ** 32
  }
}
