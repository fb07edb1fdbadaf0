/** The forwarders beside the edge's own port: the sockets' port, and both ports at the other loopback address. */
import type { Server } from 'node:net'
import { type Addresses, inUrl } from './addresses.ts'
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

/** @throws StartError when the sockets' port cannot be had */
export async function startForwarders({ host, listen, dial, alsoListen, shown, port, socketPort }: Addresses): Promise<Forwarders> {
  const servers: Server[] = []
  const notes: string[] = []
  const forward = async (wanted: Wanted): Promise<string | undefined> => {
    const server = createForwarder({ to: { host: dial, port } })
    const code = await listening(server, wanted)
    if (code === undefined) servers.push(server)
    return code
  }
  const sockets: Wanted = { host, address: listen, port: socketPort, variable: 'SOCKET_PORT' }
  const code = await forward(sockets)
  if (code !== undefined) throw new StartError(listenProblem(sockets, code))
  for (const variable of alsoListen === undefined ? [] : (['PORT', 'SOCKET_PORT'] as const)) {
    const wanted: Wanted = { host, address: alsoListen ?? '', port: variable === 'PORT' ? port : socketPort, variable }
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
