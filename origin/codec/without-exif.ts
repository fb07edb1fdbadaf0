/**
 * Photos without their EXIF. FFmpeg's decoders of PNG and WebP refuse a whole photo whose EXIF is broken; its decoder of JPEG does not.
 */

const PNG = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1')

/** The same photo without its EXIF; undefined for other kinds of file, and where there is none. */
export function withoutExif(photo: Buffer): Buffer | undefined {
  if (photo.subarray(0, PNG.length).equals(PNG)) return withoutChunks(photo, { from: PNG.length, name: 'eXIf', around: 12, big: true })
  if (photo.toString('latin1', 0, 4) !== 'RIFF' || photo.toString('latin1', 8, 12) !== 'WEBP') return undefined
  const kept = withoutChunks(photo, { from: 12, name: 'EXIF', around: 8, big: false })
  kept?.writeUInt32LE(kept.length - 8, 4)
  return kept
}

interface Chunks {
  /** Where the first one begins. */
  from: number
  name: string
  /** Bytes of one besides its data: name and length, in PNG a checksum too. */
  around: number
  /** True: length, name, data (PNG). False: name, length, data, filled up to even (RIFF). */
  big: boolean
}

function withoutChunks(file: Buffer, { from, name, around, big }: Chunks): Buffer | undefined {
  const parts = [file.subarray(0, from)]
  let removed = false
  let at = from
  while (at + 8 <= file.length) {
    const length = big ? file.readUInt32BE(at) : file.readUInt32LE(at + 4)
    const end = Math.min(file.length, at + around + (big ? length : length + (length % 2)))
    const isIt = file.toString('latin1', big ? at + 4 : at, big ? at + 8 : at + 4) === name
    if (isIt) removed = true
    else parts.push(file.subarray(at, end))
    at = end
  }
  return removed ? Buffer.concat(parts) : undefined
}
