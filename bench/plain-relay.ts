/** The least that can stand between two sockets: hands what comes in at `/in/N` to `/out/N`. Prints its port. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import process from 'node:process'
import { type WebSocket, WebSocketServer } from 'ws'

const http = createServer()
const server = new WebSocketServer({ server: http, perMessageDeflate: false })
const outs = new Map<string, WebSocket>()
server.on('connection', (socket, { url = '' }) => {
  const [, side, name = ''] = url.split('/')
  if (side === 'out') outs.set(name, socket)
  else socket.on('message', (data, binary) => outs.get(name)?.send(data, { binary }))
})
http.listen(0, '127.0.0.1', () => process.stdout.write(`${(http.address() as AddressInfo).port}\n`))
// ends with the bench
process.stdin.resume().on('end', () => process.exit())
