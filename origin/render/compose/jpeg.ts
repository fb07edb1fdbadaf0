/** JPEG in and out; the only importer of the codec. Synchronous: for worker threads. */
import { createRequire } from 'node:module'

// a CommonJS module whose exports are filled in at run time: static imports do not see them
const turbo = createRequire(import.meta.url)('@julusian/jpeg-turbo') as typeof import('@julusian/jpeg-turbo')

/** Bytes that a JPEG of a `size` x `height` frame can take at most. */
export function jpegBound(size: number, height = size): number {
  return turbo.bufferSize({ width: size, height, subsampling: turbo.SAMP_420 })
}

/**
 * @param rgb tightly packed sRGB, 3 * size * height bytes
 * @param out scratch of `jpegBound(size, height)` bytes
 * @returns the part of `out` that was written (4:2:0)
 */
export function encodeJpeg(rgb: Buffer, size: number, quality: number, out: Buffer, height = size): Buffer {
  return turbo.compressSync(rgb, out, {
    width: size,
    height,
    format: turbo.FORMAT_RGB,
    subsampling: turbo.SAMP_420,
    quality,
  })
}

/** Decodes into `out` as tightly packed sRGB. @throws Error when the bytes are no JPEG or do not fit */
export function decodeJpeg(jpeg: Buffer, out: Buffer): { width: number; height: number } {
  const { width, height } = turbo.decompressSync(jpeg, out, { format: turbo.FORMAT_RGB })
  return { width, height }
}
