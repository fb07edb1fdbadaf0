/** Headers by which wrangler would be told another address than the one that was called do not get through. */
import { once } from 'node:events'
import { createServer as createHttpServer, type Server as HttpServer, type IncomingMessage } from 'node:http'
import { type AddressInfo, connect, type Server } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createForwarder } from '../../scripts/start/socket-forwarder.ts'

let target: HttpServer
let forwarder: Server
let reached: IncomingMessage[]

beforeEach(async () => {
  reached = []
  target = createHttpServer((request, response) => {
    reached.push(request)
    request.resume().on('end', () => response.end('reached'))
  })
  await once(target.listen(0, '127.0.0.1'), 'listening')
  forwarder = createForwarder({ to: { host: '127.0.0.1', port: (target.address() as AddressInfo).port } })
  await once(forwarder.listen(0, '127.0.0.1'), 'listening')
})
afterEach(() => {
  forwarder.close()
  target.closeAllConnections()
  target.close()
})

/** What comes back for bytes that are sent in pieces, each after the one before has left. */
async function send(...pieces: string[]): Promise<string> {
  const socket = connect({ port: (forwarder.address() as AddressInfo).port, host: '127.0.0.1', noDelay: true })
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  const answer = text(socket)
  for (const piece of pieces) await new Promise((resolve) => socket.write(piece, resolve))
  return await answer
}

const request = (header: string): string => `GET / HTTP/1.1\r\nHost: evil.example\r\n${header}Connection: close\r\n\r\n`

describe('the way to the edge', () => {
  it.each([
    ['as it is written', request('MF-Original-URL: http://localhost/\r\n')],
    ['in small letters, with a space', request('mf-original-url : http://localhost/\r\n')],
    ['any other of them', request('MF-Proxy-Shared-Secret: x\r\n')],
    ['after a bare line end', request('X: y\nMF-Original-URL: http://localhost/\r\n')],
  ])('is closed to a request with such a header: %s', async (_how, bytes) => {
    expect(await send(bytes)).toMatch(/^HTTP\/1.1 400 [\s\S]*"code":"INVALID_REQUEST"/)
    expect(reached).toEqual([])
  })

  it('is closed to one that comes in pieces, and to a second one on the same connection', async () => {
    const bytes = request('MF-Original-URL: http://localhost/\r\n')
    for (let at = 1; at < bytes.length; at += 7) expect(await send(bytes.slice(0, at), bytes.slice(at))).toContain('400 Bad Request')
    expect(reached).toEqual([])
    const first = 'GET /first HTTP/1.1\r\nHost: localhost\r\n\r\n'
    await send(first, bytes)
    expect(reached.map(({ url }) => url).filter((url) => url !== '/first')).toEqual([])
  })

  it('is open to all others, also to bodies that speak of such a header', async () => {
    const body = JSON.stringify({ text: 'send\nMF-Original-URL: x' })
    const post = `POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`
    expect(await send(post)).toMatch(/^HTTP\/1.1 200 [\s\S]*reached/)
    expect(await send(request('X-MF-Original-URL: x\r\n'))).toMatch(/^HTTP\/1.1 200/)
  })
})
