/**
 * Whom a command asked and connected to, from a trace of its system calls: that sees also what goes past a proxy's settings.
 * Names are seen where they are asked of a name server by UDP, as the C library and all resolvers do by default; addresses always.
 */
import { lookup } from 'node:dns/promises'
import { readFileSync } from 'node:fs'
import { isIPv6 } from 'node:net'
import { networkInterfaces } from 'node:os'

/** In front of the command: what it and all that it starts connect to or send to is added to this file. */
export function traced(file: string): string[] {
  const calls = 'trace=connect,sendto,sendmsg,sendmmsg'
  return ['strace', '-f', '--seccomp-bpf', '-qq', '-x', '-s', '512', '-e', calls, '-e', 'signal=none', '-A', '-o', file]
}

export interface Contacts {
  /** `ADDRESS PORT`. */
  addresses: Set<string>
  /** Asked of a name server. */
  names: Set<string>
}

const IPV4 = /sin_port=htons\((\d+)\), sin_addr=inet_addr\("([^"]+)"\)/g
const IPV6 = /sin6_port=htons\((\d+)\).*?inet_pton\(AF_INET6, "([^"]+)"/g
const PAYLOAD = /(?:iov_base=|sendto\(\d+, )"((?:\\x[0-9a-f]{2})+)"/g

export function readContacts(trace: string): Contacts {
  const contacts: Contacts = { addresses: new Set(), names: new Set() }
  for (const line of trace.split('\n')) {
    for (const pattern of [IPV4, IPV6])
      for (const [, port, address = ''] of line.matchAll(pattern)) contacts.addresses.add(`${address.replace(/^::ffff:/, '')} ${port}`)
    for (const [, payload = ''] of line.matchAll(PAYLOAD)) {
      const name = askedName(Buffer.from(payload.replaceAll('\\x', ''), 'hex'))
      if (name !== undefined) contacts.names.add(name)
    }
  }
  return contacts
}

const DNS_HEADER_BYTES = 12
/** The name that a DNS query (RFC 1035, 4.1) asks for; undefined for anything else. */
function askedName(packet: Buffer): string | undefined {
  const isQuery = packet.length > DNS_HEADER_BYTES && ((packet[2] ?? 0) & 0xf8) === 0
  if (!isQuery || packet.readUInt16BE(4) !== 1 || packet.readUInt16BE(6) !== 0) return undefined
  const labels: string[] = []
  let at = DNS_HEADER_BYTES
  for (let length = packet[at] ?? 0; length > 0; length = packet[at] ?? 0) {
    if (length > 63 || at + length >= packet.length) return undefined
    labels.push(packet.toString('latin1', at + 1, at + 1 + length))
    at += 1 + length
  }
  return labels.length > 0 && at + 5 <= packet.length ? labels.join('.').toLowerCase() : undefined
}

/** What may be contacted. */
export interface Expected {
  registryName: string
  registryAddresses: readonly string[]
  nameServers: readonly string[]
  ownAddresses: readonly string[]
}

/** @param registry its address, such as `npm config get registry` says it */
export async function expectedOf(registry: string): Promise<Expected> {
  const registryName = new URL(registry).hostname
  const found = await lookup(registryName, { all: true })
  const nameServers = [...readFileSync('/etc/resolv.conf', 'utf8').matchAll(/^nameserver\s+(\S+)/gm)].flatMap(
    ([, address]) => address ?? [],
  )
  const ownAddresses = Object.values(networkInterfaces()).flatMap((list = []) => list.map(({ address }) => address))
  return { registryName, registryAddresses: found.map(({ address }) => address), nameServers, ownAddresses }
}

/** Each host by what it is to us, or by itself if it is nothing we know. */
export function describeContacts({ addresses, names }: Contacts, expected: Expected): string[] {
  const hosts = [...addresses].map((contact) => {
    const [address = '', port] = contact.split(' ')
    if (port === '53' && expected.nameServers.includes(address)) return 'name server'
    return whoHas(address, expected) ?? (isIPv6(address) ? `[${address}]:${port}` : `${address}:${port}`)
  })
  const asked = [...names].map((name) => {
    if (name === expected.registryName) return 'registry'
    // the name of an address: asked about a connection that stands in the addresses, or about nobody else
    const [, reversed] = /^([\d.]+)\.in-addr\.arpa$/.exec(name) ?? []
    return (reversed && whoHas(reversed.split('.').toReversed().join('.'), expected)) ?? name
  })
  return [...new Set([...hosts, ...asked])].toSorted()
}

function whoHas(address: string, { registryAddresses, ownAddresses }: Expected): string | undefined {
  if (registryAddresses.includes(address)) return 'registry'
  if (address === '::1' || address.startsWith('127.')) return 'loopback'
  return ownAddresses.includes(address) ? 'this machine' : undefined
}

/** Those of `describeContacts` that an install has no business with. */
export function strangersIn(described: readonly string[]): string[] {
  return described.filter((host) => !['registry', 'loopback', 'this machine', 'name server'].includes(host))
}
