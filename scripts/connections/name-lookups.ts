/** Names in questions to name servers (RFC 1035) and to systemd's resolver. */

const HEADER_BYTES = 12
const LONGEST_LABEL = 63

/** The name that a message asks for; undefined where it is no question. */
export function lookedUpName(message: Buffer): string | undefined {
  const service = /"io\.systemd\.Resolve\.ResolveHostname".*?"name":"([^"]+)"/s.exec(message.toString('latin1'))
  return service?.[1] ?? dnsQuestion(message)
}

function dnsQuestion(message: Buffer): string | undefined {
  if (message.length <= HEADER_BYTES) return undefined
  const isQuery = ((message[2] ?? 0) & 0x80) === 0
  if (!isQuery || message.readUInt16BE(4) !== 1 || message.readUInt16BE(6) !== 0) return undefined
  const labels: string[] = []
  let at = HEADER_BYTES
  for (;;) {
    const length = message[at]
    if (length === undefined || length > LONGEST_LABEL) return undefined
    if (length === 0) break
    const label = message.toString('latin1', at + 1, at + 1 + length)
    if (label.length < length || !/^[\w-]+$/.test(label)) return undefined
    labels.push(label)
    at += 1 + length
  }
  return labels.length === 0 ? undefined : labels.join('.').toLowerCase()
}
