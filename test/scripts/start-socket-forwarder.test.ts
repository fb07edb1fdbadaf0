/** The forwarder of the sockets' port: whatever befalls a connection, both its ends come free. */
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { createServer as createHttpServer, type Server as HttpServer } from 'node:http'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createForwarder } from '../../scripts/start/socket-forwarder.ts'

const MANY = 1_000
const WAIT = { timeout: 30_000, interval: 20 }
const REQUEST = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'

const opened: (Server | HttpServer | Socket)[] = []
afterEach(() => {
  for (const one of opened.splice(0)) {
    if ('destroy' in one) one.destroy()
    else one.close()
  }
})

async function listening<S extends Server | HttpServer>(server: S): Promise<number> {
  opened.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

async function dial(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  socket.on('error', () => undefined)
  opened.push(socket)
  await once(socket, 'connect')
  return socket
}

function handles(): number {
  return readdirSync('/proc/self/fd').length
}

describe('a server behind the forwarder', { timeout: 60_000 }, () => {
  let port: number
  let before: number

  beforeEach(async () => {
    // it echoes, and ends when its peer does
    const echo = await listening(createServer((socket) => socket.on('error', () => undefined).pipe(socket)))
    port = await listening(createForwarder({ to: { host: '127.0.0.1', port: echo } }))
    before = handles()
  })

  async function echoes(): Promise<void> {
    const socket = await dial(port)
    socket.end('hello')
    expect(await text(socket)).toBe('hello')
  }

  it('is reached, and the end of what is sent ends what comes', async () => {
    await echoes()
    await vi.waitFor(() => expect(handles()).toBe(before), WAIT)
  })

  it(`keeps nothing of ${MANY} connections that are reset in the middle`, async () => {
    for (let i = 0; i < MANY; i++) {
      const socket = await dial(port)
      // some before the far end is there, some after
      if (i % 2 === 0) {
        socket.write('x')
        await once(socket, 'data')
      }
      socket.resetAndDestroy()
    }
    await vi.waitFor(() => expect(handles()).toBe(before), WAIT)
    await echoes()
  })

  it(`keeps nothing of ${MANY} half-open connections`, async () => {
    const sockets = await Promise.all(Array.from({ length: MANY }, () => dial(port)))
    for (const socket of sockets) socket.resume().end()
    await vi.waitFor(() => expect(handles()).toBe(before), WAIT)
    await echoes()
  })

  it('passes on what is large, in both directions at once', async () => {
    const large = 'x'.repeat(8 << 20)
    const socket = await dial(port)
    socket.end(large)
    expect((await text(socket)).length).toBe(large.length)
  })
})

describe('the ends of a connection', { timeout: 60_000 }, () => {
  it('a client that has sent its request and its end gets the whole answer, late as it is', async () => {
    const answer = 'y'.repeat(1 << 20)
    let respond = (): void => undefined
    const server = createHttpServer((_request, response) => (respond = () => void response.end(answer)))
    const port = await listening(createForwarder({ to: { host: '127.0.0.1', port: await listening(server) } }))
    const client = await dial(port)
    client.end(REQUEST)
    await once(server, 'request')
    respond()
    expect((await text(client)).endsWith(answer)).toBe(true)
  })

  it('a server that is not there closes the client', async () => {
    const gone = createServer()
    const target = await listening(gone)
    await new Promise((resolve) => gone.close(resolve))
    const client = await dial(await listening(createForwarder({ to: { host: '127.0.0.1', port: target } })))
    await vi.waitFor(() => expect(client.resume().readyState).not.toBe('open'), WAIT)
  })

  it('a server that falls closes its clients', async () => {
    const accepted: Socket[] = []
    const target = await listening(createServer((socket) => accepted.push(socket)))
    const forwarder = createForwarder({ to: { host: '127.0.0.1', port: target } })
    const client = await dial(await listening(forwarder))
    await vi.waitFor(() => expect(accepted).toHaveLength(1), WAIT)
    const ended = once(client.resume(), 'end')
    accepted[0]?.resetAndDestroy()
    await ended
    await vi.waitFor(async () => expect(await connections(forwarder)).toBe(0), WAIT)
  })

  it('a client that neither reads the end nor closes is let go', async () => {
    const target = await listening(createServer((socket) => socket.end('bye')))
    const before = handles()
    const forwarder = createForwarder({ to: { host: '127.0.0.1', port: target }, lingerMs: 50 })
    const client = await dial(await listening(forwarder))
    await vi.waitFor(async () => expect(await connections(forwarder)).toBe(0), WAIT)
    client.destroy()
    forwarder.close()
    await vi.waitFor(() => expect(handles()).toBe(before), WAIT)
  })

  it('a half-open connection without a byte is let go', async () => {
    const accepted: Socket[] = []
    const target = await listening(createServer({ allowHalfOpen: true }, (socket) => accepted.push(socket)))
    const forwarder = createForwarder({ to: { host: '127.0.0.1', port: target }, halfOpenMs: 50 })
    const client = await dial(await listening(forwarder))
    await vi.waitFor(() => expect(accepted).toHaveLength(1), WAIT)
    client.resume().end()
    await once(client, 'close')
    await vi.waitFor(async () => expect(await connections(forwarder)).toBe(0), WAIT)
    accepted[0]?.destroy()
  })
})

async function connections(server: Server): Promise<number> {
  return await new Promise((resolve, reject) => server.getConnections((error, count) => (error ? reject(error) : resolve(count))))
}
