/** Whom a command contacted: its calls summed up, and which of them left this machine. */
import { lookup } from 'node:dns/promises'
import { BlockList, isIP } from 'node:net'
import { hostname, networkInterfaces } from 'node:os'
import type { Call } from './trace.ts'

type Reach = 'here' | 'allowed' | 'outside'

export interface Contact {
  process: string
  protocol: string
  /** `ADDRESS:PORT`, or what was looked up and where. */
  target: string
  count: number
  /** This machine itself, somebody who may be contacted, or anybody else. */
  reach: Reach
}

const here = new BlockList()
here.addSubnet('127.0.0.0', 8)
here.addAddress('0.0.0.0')
here.addAddress('::1', 'ipv6')
here.addAddress('::', 'ipv6')
for (const { address, family } of Object.values(networkInterfaces()).flatMap((infos) => infos ?? [])) {
  here.addAddress(address, family === 'IPv6' ? 'ipv6' : 'ipv4')
}
const DNS_PORTS = [53, 853, 5353, 5355]
/** Sockets of services that look names up for others; their clients do not say which in a way that is read here. */
const NAME_SERVICES = /\/(nscd|avahi-daemon)\//

/** Whether it is this machine's own. */
function isOwn(address: string): boolean {
  const mapped = /^::ffff:([\d.]+)$/i.exec(address)?.[1] ?? address
  const version = isIP(mapped)
  return version !== 0 && here.check(mapped, version === 6 ? 'ipv6' : 'ipv4')
}

/**
 * Sums calls up. A name that is looked up counts, at whatever address: the server behind it asks others.
 *
 * @param allowed names or addresses that may be contacted
 */
export async function contactsOf(calls: readonly Call[], allowed: readonly string[] = []): Promise<Contact[]> {
  const addresses = new Set(allowed)
  for (const name of allowed) for (const { address } of await addressesOf(name)) addresses.add(address)
  const contacts = new Map<string, Contact>()
  const named = new Set(calls.flatMap((call) => (call.lookup === undefined ? [] : [`${call.process} ${call.address}`])))
  for (const call of calls) {
    // the connection by which a name was asked for is told with the name
    const isLookup = DNS_PORTS.includes(call.port)
    if (isLookup && call.lookup === undefined && named.has(`${call.process} ${call.address}`)) continue
    const contact = describe(call, isLookup, allowed, addresses)
    if (!contact) continue
    const key = [contact.process, contact.protocol, contact.target].join('\n')
    const known = contacts.get(key)
    if (known) known.count += 1
    else contacts.set(key, contact)
  }
  return [...contacts.values()].toSorted(compare)
}

function describe(call: Call, isLookup: boolean, allowed: readonly string[], addresses: ReadonlySet<string>): Contact | undefined {
  const { process, protocol, address, port, lookup: name, answered } = call
  const contact = (target: string, isHere: boolean, isAllowed: boolean): Contact => {
    return { process, protocol, target, count: 1, reach: isHere ? 'here' : isAllowed ? 'allowed' : 'outside' }
  }
  if (name !== undefined) {
    // the name of an address is asked about that address
    const reversed = /^([\d.]+)\.in-addr\.arpa$/.exec(name)?.[1]?.split('.').toReversed().join('.') ?? ''
    const isOwnName = /(^|\.)localhost$/.test(name) || name === hostname().toLowerCase() || isOwn(reversed)
    // a name server's search list is appended to names
    const isAllowed = addresses.has(reversed) || allowed.some((host) => name === host || name.startsWith(`${host}.`))
    return contact(`name ${name}, at ${address}`, isOwnName, isAllowed)
  }
  if (isLookup) return contact(`name server ${address}:${port}`, false, addresses.has(address))
  if (protocol === 'UNIX') {
    return answered && NAME_SERVICES.test(address) ? contact(`name service ${address}`, false, addresses.has(address)) : undefined
  }
  const target = isIP(address) === 6 ? `[${address}]:${port}` : `${address}:${port}`
  return contact(target, isOwn(address), addresses.has(address))
}

async function addressesOf(name: string): Promise<{ address: string }[]> {
  try {
    return isIP(name) ? [] : await lookup(name, { all: true })
  } catch {
    // a name without addresses allows none
    return []
  }
}

const REACHES: readonly Reach[] = ['outside', 'allowed', 'here']

function compare(a: Contact, b: Contact): number {
  const byReach = REACHES.indexOf(a.reach) - REACHES.indexOf(b.reach)
  return byReach || a.process.localeCompare(b.process) || a.target.localeCompare(b.target)
}

/** A table for people. */
export function contactTable(contacts: readonly Contact[]): string {
  const rows = contacts.map(({ process, protocol, target, count, reach }) => [process, protocol, target, String(count), reach])
  const all = [['process', '', 'contacted', 'times', 'where'], ...rows]
  const widths = [0, 1, 2, 3].map((column) => Math.max(...all.map((row) => row[column]?.length ?? 0)))
  return all
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
