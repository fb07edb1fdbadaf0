/** The origin's way back to the edge: it dials until it is taken, unless it is refused for good. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { WebSocketServer } from 'ws'
import { ReconnectingSocket } from '../../../origin/edge/reconnecting-socket.ts'
import { createLogger } from '../../support/fakes/silent-log.ts'

let server: Server
let link: ReconnectingSocket | undefined

/** An edge that answers upgrades with these statuses in turn, then takes the link. */
async function edgeThatAnswers(...statuses: number[]): Promise<string> {
  const sockets = new WebSocketServer({ noServer: true })
  server = createServer()
  server.on('upgrade', (request, socket, head) => {
    const status = statuses.shift()
    if (status === undefined) sockets.handleUpgrade(request, socket, head, () => undefined)
    else socket.end(`HTTP/1.1 ${status} No\r\nContent-Length: 2\r\n\r\nno`)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function dial(url: string): { onOpen: ReturnType<typeof vi.fn>; onRefused: ReturnType<typeof vi.fn> } {
  const calls = { onOpen: vi.fn(), onRefused: vi.fn() }
  link = new ReconnectingSocket({ url, key: 'k', log: createLogger(), onText: () => undefined, ...calls })
  return calls
}

afterEach(() => {
  link?.close()
  server.closeAllConnections()
  server.close()
})

describe('a link to the edge', () => {
  // The answer to an upgrade was consumed without ending the attempt: after one 5xx from an edge that was starting again,
  // the origin never dialled again and its sessions stood still for good.
  it('dials again when the edge answers that it is not ready', async () => {
    const { onOpen, onRefused } = dial(await edgeThatAnswers(500, 503, 429))
    await expect.poll(() => onOpen, { message: 'the link to open' }).toHaveBeenCalledOnce()
    expect(link?.isOpen).toBe(true)
    expect(onRefused).not.toHaveBeenCalled()
  })

  it('says when it is refused, and leaves it at that', async () => {
    const { onOpen, onRefused } = dial(await edgeThatAnswers(401))
    await expect.poll(() => onRefused, { message: 'the refusal to be told' }).toHaveBeenCalledWith('the edge answered 401')
    expect(onOpen).not.toHaveBeenCalled()
  })
})
