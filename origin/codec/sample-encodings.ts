/** How one sample is written, and read between -1 and 1 (floats may go beyond). */
import type { SampleEncoding } from '../../shared/audio-format.ts'
import { ALAW, MULAW } from './g711.ts'

export type { SampleEncoding } from '../../shared/audio-format.ts'

/** Hz of sound that comes in. */
export const MIN_SAMPLE_RATE = 4_000
export const MAX_SAMPLE_RATE = 384_000

export interface SampleReader {
  bytes: number
  /** In words. */
  name: string
  read(view: DataView, at: number): number
}

const READERS: Record<SampleEncoding, SampleReader> = {
  u8: { bytes: 1, name: '8-bit PCM', read: (view, at) => (view.getUint8(at) - 128) / 128 },
  s16le: { bytes: 2, name: '16-bit PCM', read: (view, at) => view.getInt16(at, true) / 0x8000 },
  s16be: { bytes: 2, name: 'big-endian 16-bit PCM', read: (view, at) => view.getInt16(at) / 0x8000 },
  s24le: {
    bytes: 3,
    name: '24-bit PCM',
    read: (view, at) => (view.getUint16(at, true) + view.getInt8(at + 2) * 0x10000) / 0x80_0000,
  },
  s32le: { bytes: 4, name: '32-bit PCM', read: (view, at) => view.getInt32(at, true) / 0x8000_0000 },
  f32le: { bytes: 4, name: '32-bit float', read: (view, at) => view.getFloat32(at, true) },
  f64le: { bytes: 8, name: '64-bit float', read: (view, at) => view.getFloat64(at, true) },
  mulaw: { bytes: 1, name: 'mu-law', read: (view, at) => MULAW[view.getUint8(at)] ?? 0 },
  alaw: { bytes: 1, name: 'A-law', read: (view, at) => ALAW[view.getUint8(at)] ?? 0 },
}

export function sampleReader(encoding: SampleEncoding): SampleReader {
  return READERS[encoding]
}
