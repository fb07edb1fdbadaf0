/** Where everything listens and how it is reached: `HOST`, `PORT` and `SOCKET_PORT`, read once. */
import { promises as dns, type LookupAddress } from 'node:dns'
import { isIP, isIPv6 } from 'node:net'
import { StartError } from './print.ts'

export interface Addresses {
  /** HOST as it was given; '' without one. */
  host: string
  /** IP address that the edge and the forwarder of the sockets listen on. */
  listen: string
  /** IP address at which this machine reaches them. */
  dial: string
  /** The other loopback address, where `localhost` may mean either. */
  alsoListen: string | undefined
  /** Host in the URLs that are shown, in brackets where it has to be. */
  shown: string
  port: number
  socketPort: number
  /** Other machines reach it. */
  onNetwork: boolean
  /** A line about what was made of the variables. */
  note: string | undefined
}

export type Lookup = (host: string) => Promise<LookupAddress[]>

const DEFAULT_PORT = 8000
const DEFAULT_SOCKET_PORT = 8001
const ANY: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' }
/** What compilers' environments, conda's first, set HOST to: a machine, a vendor and a system. */
const COMPILER_TRIPLE =
  /^(x86_64|i[3-6]86|aarch64|arm64|armv\w+|ppc64le|powerpc64le|s390x|riscv64)(-\w+)?-(linux|darwin|freebsd|windows|mingw)/

/** @throws StartError that names the variable and the reason */
export async function readAddresses(
  env: NodeJS.ProcessEnv,
  lookup: Lookup = (host) => dns.lookup(host, { all: true }),
): Promise<Addresses> {
  const port = readPort(env, 'PORT', DEFAULT_PORT)
  const socketPort = readPort(env, 'SOCKET_PORT', DEFAULT_SOCKET_PORT)
  if (port === socketPort) {
    const which = env.SOCKET_PORT?.trim() ? 'SOCKET_PORT' : 'SOCKET_PORT by default'
    throw new StartError(`PORT and ${which} are both ${port}: set ${env.PORT?.trim() ? 'SOCKET_PORT' : 'PORT'} to another port`)
  }
  const host = env.HOST?.trim() ?? ''
  const triple = COMPILER_TRIPLE.test(host)
  const asked = triple ? '' : unbracketed(host)
  const listen = await resolve(asked, lookup)
  const note = triple ? `HOST is ${host}, the name of a compiler's target and no address: listening on ${listen}` : undefined
  return { host: asked, ...facts(asked, listen), port, socketPort, note }
}

export function isLoopback(address: string): boolean {
  return address === '::1' || /^(::ffff:)?127(\.\d+){3}$/i.test(address)
}

/** As a URL has it. */
export function inUrl(host: string): string {
  return isIPv6(host) ? `[${host}]` : host
}

/** @param asked an address, a name, or '' */
function facts(asked: string, listen: string): Omit<Addresses, 'host' | 'port' | 'socketPort' | 'note'> {
  const isLocalhost = asked === '' || asked.toLowerCase() === 'localhost'
  const any = listen in ANY
  return {
    listen,
    dial: ANY[listen] ?? listen,
    // resolvers disagree which of the two comes first, and old clients try one only
    alsoListen: isLocalhost ? otherLoopback(listen) : listen === '0.0.0.0' ? '::1' : undefined,
    shown: isLocalhost || any ? 'localhost' : inUrl(asked),
    onNetwork: !isLoopback(listen),
  }
}

function otherLoopback(address: string): string {
  return address === '::1' ? '127.0.0.1' : '::1'
}

async function resolve(host: string, lookup: Lookup): Promise<string> {
  if (host === '' || host.toLowerCase() === 'localhost') return '127.0.0.1'
  if (host.includes('%'))
    throw new StartError(`HOST is ${host}: an address with a zone cannot be listened on; use another address of this machine`)
  if (isIP(host)) return host
  if (!/^[A-Za-z0-9._-]+$/.test(host))
    throw new StartError(`HOST is ${host}: it must be an address or a host name, without a port or a path`)
  try {
    // an IPv4 address, if there is one: what the name means to most
    const found = await lookup(host)
    const address = (found.find(({ family }) => family === 4) ?? found[0])?.address
    if (address !== undefined) return address
    throw new StartError(`HOST is ${host}: this name has no address`)
  } catch (thrown) {
    if (thrown instanceof StartError) throw thrown
    const code = (thrown as NodeJS.ErrnoException).code ?? String(thrown)
    throw new StartError(
      `HOST is ${host}: it is no address, and this name cannot be resolved (${code}); unset HOST to listen on this machine only`,
    )
  }
}

function readPort(env: NodeJS.ProcessEnv, name: 'PORT' | 'SOCKET_PORT', byDefault: number): number {
  const text = env[name]?.trim() ?? ''
  if (text === '') return byDefault
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0
  if (port < 1 || port > 65_535) throw new StartError(`${name} is ${text}: it must be a whole number from 1 to 65535`)
  return port
}

function unbracketed(host: string): string {
  const inner = /^\[(.*)\]$/.exec(host)?.[1]
  return inner !== undefined && isIPv6(inner) ? inner : host
}
