/** Which packets a NACK asks for. */
import type { GenericNack } from 'werift'

/** Packets after the first that one entry tells of (RFC 4585 section 6.2.1). */
const MASK_BITS = 16
/** Words of a NACK before its entries. */
const SENDER_AND_SOURCE = 2

/**
 * The library reads entries to the end of the whole message: in what follows a NACK there, mostly an estimate of the bandwidth, it
 * finds dozens of packets that nobody asked for. The true ones are those of the first entries, as many as the header says.
 */
export function askedFor({ header, lost }: Pick<GenericNack, 'lost'> & { header: { length: number } }): number[] {
  const entries = header.length - SENDER_AND_SOURCE
  const asked: number[] = []
  let found = 0
  let first = 0
  let before = Number.NaN
  for (const sequence of lost) {
    const ofSameEntry = found > 0 && sequence > before && sequence <= first + MASK_BITS
    if (!ofSameEntry) {
      found += 1
      first = sequence
    }
    if (found > entries) break
    before = sequence
    asked.push(sequence & 0xffff)
  }
  return asked
}
