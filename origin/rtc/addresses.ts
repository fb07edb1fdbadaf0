/** Where a client can reach the one UDP socket of a connection: its port stands in the answer with every address that leads to it. */
import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os'
import type { RtcSettings } from './types.ts'

const LOOPBACK = '127.0.0.1'
/** Each address is one more pair that clients try. */
const MAX_ADDRESSES = 6
/** Preference of host candidates, falling by address (RFC 8445 section 5.1.2). */
const HOST_TYPE_PREFERENCE = 126

/**
 * IPv4 addresses of this host that others may reach, 127.0.0.1 last where it counts. IPv6 clients come through TURN.
 *
 * @param interfaces what `os.networkInterfaces()` tells
 */
export function hostAddresses(
  { loopback }: Pick<RtcSettings, 'loopback'>,
  interfaces: NodeJS.Dict<NetworkInterfaceInfo[]> = networkInterfaces(),
): string[] {
  const outer = Object.values(interfaces).flatMap((infos = []) =>
    infos.flatMap(({ family, internal, address }) => (family === 'IPv4' && !internal && !address.startsWith('169.254.') ? [address] : [])),
  )
  return [...outer.slice(0, MAX_ADDRESSES), ...(loopback || outer.length === 0 ? [LOOPBACK] : [])]
}

/** Replaces an answer's host candidates, which name the socket's first address, by one for each address. */
export function announceAddresses(sdp: string, addresses: readonly string[]): string {
  return sdp
    .split('\r\n')
    .flatMap((line) => {
      const match = /^a=candidate:\S+ (\d+) udp \d+ \S+ (\d+) typ host(.*)$/i.exec(line)
      if (!match) return [line]
      const [, component, port, rest] = match
      return addresses.map((address, i) => {
        const priority = HOST_TYPE_PREFERENCE * 2 ** 24 + (65_535 - i) * 2 ** 8 + 256 - Number(component)
        return `a=candidate:host${i} ${component} udp ${priority} ${address} ${port} typ host${rest}`
      })
    })
    .join('\r\n')
}

/**
 * False for RTCP's own port, for TCP, and for `.local` names of browsers that hide their address: to resolve one takes seconds and a multicast
 * socket, while the client's own checks reveal the address at once (peer-reflexive, RFC 8445 section 7.3.1.3).
 */
export function isUsableCandidate(line: string): boolean {
  const [, component, protocol = '', , address = ''] = line.split(' ')
  return component === '1' && protocol.toLowerCase() === 'udp' && address !== '' && !address.toLowerCase().endsWith('.local')
}
