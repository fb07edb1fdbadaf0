/** The order of an MP4's boxes (ISO/IEC 14496-12 section 4.2): whether it can be read as it comes. */

/** `index-first`: yes. `index-last`: only once `moov` is complete. `complete`: it is. `unknown`: not enough bytes to tell. */
export type Mp4Layout = 'index-first' | 'index-last' | 'complete' | 'unknown'

export function mp4Layout(bytes: Uint8Array): Mp4Layout {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let dataSeen = false
  let at = 0
  while (at + 8 <= bytes.length) {
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8))
    if (type === 'moov' && !dataSeen) return 'index-first'
    if (type === 'mdat') dataSeen = true
    let size = view.getUint32(at)
    if (size === 1) {
      if (at + 16 > bytes.length) break
      size = Number(view.getBigUint64(at + 8))
    }
    // to the end of the file, or nonsense that the demuxer is to name
    if (size < 8) return dataSeen ? 'index-last' : 'index-first'
    at += size
    if (type === 'moov' && at <= bytes.length) return 'complete'
  }
  return dataSeen ? 'index-last' : 'unknown'
}
