/** Whether the ports can be listened on, and in plain words why not. */
import { createServer } from 'node:net'
import type { Addresses } from './addresses.ts'
import { StartError } from './print.ts'
import { whoListens } from './processes.ts'

export interface Wanted {
  /** HOST as it was given. */
  host: string
  address: string
  port: number
  /** That the port is from. */
  variable: 'PORT' | 'SOCKET_PORT'
}

/** @throws StartError for the first that cannot be had */
export async function requirePorts({ host, listen, port, socketPort }: Addresses): Promise<void> {
  const all: Wanted[] = [
    { host, address: listen, port, variable: 'PORT' },
    { host, address: listen, port: socketPort, variable: 'SOCKET_PORT' },
  ]
  for (const wanted of all) {
    const code = await tryToListen(wanted)
    if (code !== undefined) throw new StartError(listenProblem(wanted, code, whoListens(wanted.port)))
  }
}

/** The code of the error; undefined when it can be had. */
export async function tryToListen({ address, port }: Pick<Wanted, 'address' | 'port'>): Promise<string | undefined> {
  return await new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    probe.listen(port, address, () => probe.close(() => resolve(undefined)))
  })
}

/** @param owner who listens there already, where that is known */
export function listenProblem({ host, address, port, variable }: Wanted, code: string, owner?: string): string {
  switch (code) {
    case 'EADDRINUSE':
      return `port ${port} is in use${owner === undefined ? '' : ` by ${owner}`}; stop what uses it, or set ${variable}`
    case 'EACCES':
      return `${variable} is ${port}: this user may not listen on a port that low; set ${variable} to 1024 or above`
    case 'EADDRNOTAVAIL':
    case 'EAFNOSUPPORT':
      return `HOST is ${host}: no network interface of this machine has the address ${address} (${code})`
    default:
      return `HOST is ${host}: port ${port} of ${address} cannot be listened on (${code}); set HOST or ${variable}`
  }
}

/** A port that nobody listens on at this address. */
export async function freePort(address: string): Promise<number> {
  return await new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen(0, address, () => {
      const bound = probe.address()
      probe.close(() =>
        typeof bound === 'object' && bound ? resolve(bound.port) : reject(new StartError('this machine has no free port')),
      )
    })
  })
}
