/** 16-bit PCM: its full scale, its length in time, and pieces joined. */
import { SAMPLE_RATE } from '../../shared/media.ts'

/** Divisor from 16-bit samples to -1..1. */
export const FULL_SCALE = 32_768

/** ms that so many samples last at SAMPLE_RATE. */
export function toMs(samples: number): number {
  return (samples / SAMPLE_RATE) * 1000
}

export function concatPcm(parts: readonly Int16Array[]): Int16Array<ArrayBuffer> {
  const joined = new Int16Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    joined.set(part, at)
    at += part.length
  }
  return joined
}
