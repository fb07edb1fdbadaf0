/** What listens at the addresses that are called: both ports, at the other loopback address too. All of it leads to the edge. */
import type { Server } from 'node:net'
import { type Addresses, inUrl } from './addresses.ts'
import type { EdgeAddress } from './edge.ts'
import { listenProblem, type Wanted } from './ports.ts'
import { StartError } from './print.ts'
import { createForwarder } from './socket-forwarder.ts'

export interface Forwarders {
  servers: Server[]
  /** Host in the URLs that are shown. */
  shown: string
  /** Lines about addresses that could not be had and need not. */
  notes: string[]
}

/** @throws StartError when one of the two ports cannot be had */
export async function startForwarders(
  { host, listen, dial, alsoListen, shown, port, socketPort }: Addresses,
  edge: EdgeAddress,
): Promise<Forwarders> {
  const servers: Server[] = []
  const notes: string[] = []
  const forward = async (wanted: Wanted): Promise<string | undefined> => {
    const server = createForwarder({ to: edge })
    const code = await listening(server, wanted)
    if (code === undefined) servers.push(server)
    return code
  }
  const ports = [
    { variable: 'PORT', port },
    { variable: 'SOCKET_PORT', port: socketPort },
  ] as const
  for (const each of ports) {
    const wanted: Wanted = { host, address: listen, ...each }
    const code = await forward(wanted)
    if (code !== undefined) throw new StartError(listenProblem(wanted, code))
  }
  for (const each of alsoListen === undefined ? [] : ports) {
    const wanted: Wanted = { host, address: alsoListen ?? '', ...each }
    // without IPv6 nobody can mean that address
    if ((await forward(wanted)) === 'EADDRINUSE')
      notes.push(`another program has port ${wanted.port} at ${inUrl(wanted.address)}, which localhost may mean too: use ${inUrl(dial)}`)
  }
  return { servers, shown: notes.length > 0 ? inUrl(dial) : shown, notes }
}

/** The code of the error; undefined once it listens. */
async function listening(server: Server, { address, port }: Wanted): Promise<string | undefined> {
  return await new Promise((resolve) => {
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    server.listen({ host: address, port, ipv6Only: address !== '::' }, () => {
      // an accept that fails is the client's loss, not the server's end
      server.on('error', () => undefined)
      resolve(undefined)
    })
  })
}
