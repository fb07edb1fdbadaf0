/**
 * One frame or sound as one binary message (`media=binary`): a fixed 40-byte header, little endian, then the payload.
 *
 * | offset | type | field |
 * |---|---|---|
 * | 0 | u8 | version, 1 |
 * | 1 | u8 | kind: 1 frame (JPEG), 2 clause (WAV), 3 chunk (PCM 16 bit little endian mono) |
 * | 2 | u16 | reserved, 0 |
 * | 4 | u32 | seq |
 * | 8 | u32 | frame_id of a frame; 0 otherwise |
 * | 12 | u32 | generation |
 * | 16 | f64 | timestamp, Unix seconds at which it is due |
 * | 24 | f64 | pts_ms of sound; 0 for a frame |
 * | 32 | u32 | sample_rate of sound; 0 for a frame |
 * | 36 | u32 | duration of sound in samples; 0 for a frame |
 *
 * Plain TypeScript: the SDK takes it without zod.
 */
export const BINARY_HEADER_BYTES = 40
export const BINARY_KIND = { frame: 1, clause: 2, chunk: 3 } as const
export type BinaryKind = keyof typeof BINARY_KIND
/** Where the edge writes `seq`. */
export const BINARY_SEQ_OFFSET = 4

export interface BinaryMedia {
  kind: BinaryKind
  seq: number
  frameId: number
  generation: number
  timestamp: number
  ptsMs: number
  sampleRate: number
  samples: number
  payload: Uint8Array
}

export function encodeBinaryMedia(media: BinaryMedia): Uint8Array {
  const bytes = new Uint8Array(BINARY_HEADER_BYTES + media.payload.length)
  const view = new DataView(bytes.buffer)
  view.setUint8(0, 1)
  view.setUint8(1, BINARY_KIND[media.kind])
  view.setUint32(4, media.seq, true)
  view.setUint32(8, media.frameId, true)
  view.setUint32(12, media.generation, true)
  view.setFloat64(16, media.timestamp, true)
  view.setFloat64(24, media.ptsMs, true)
  view.setUint32(32, media.sampleRate, true)
  view.setUint32(36, media.samples, true)
  bytes.set(media.payload, BINARY_HEADER_BYTES)
  return bytes
}

/** @throws RangeError when the message is no media message of this version */
export function decodeBinaryMedia(message: ArrayBuffer): BinaryMedia {
  if (message.byteLength < BINARY_HEADER_BYTES) throw new RangeError('media message shorter than its header')
  const view = new DataView(message)
  const kind = (Object.keys(BINARY_KIND) as BinaryKind[]).find((name) => BINARY_KIND[name] === view.getUint8(1))
  if (view.getUint8(0) !== 1 || kind === undefined) throw new RangeError('media message of an unknown version or kind')
  return {
    kind,
    seq: view.getUint32(4, true),
    frameId: view.getUint32(8, true),
    generation: view.getUint32(12, true),
    timestamp: view.getFloat64(16, true),
    ptsMs: view.getFloat64(24, true),
    sampleRate: view.getUint32(32, true),
    samples: view.getUint32(36, true),
    payload: new Uint8Array(message, BINARY_HEADER_BYTES),
  }
}
