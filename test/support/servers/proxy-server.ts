/** A company's proxy: the only one that knows where some hosts are. It tunnels (CONNECT) and forwards (absolute addresses), and keeps what it was asked for. */
import { createServer, request as forward, type IncomingMessage, type Server } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'

export interface ProxyServer {
  url: string
  /** `CONNECT llm.test:80`, in order. */
  asked: string[]
  /** The `Proxy-Authorization` of each. */
  credentials: (string | undefined)[]
  /** Answers with this status instead of a tunnel. */
  refuse: number | undefined
  close(): Promise<void>
}

/** @param hosts the port on this machine at which each host is */
export async function startProxyServer(hosts: Readonly<Record<string, number>>): Promise<ProxyServer> {
  const sockets = new Set<Socket>()
  const server: Server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://nobody')
    note(request)
    const port = hosts[url.hostname]
    if (port === undefined) {
      response.writeHead(502).end()
      return
    }
    const { method, headers } = request
    const onward = forward({ port, method, headers, path: url.pathname + url.search }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    })
    onward.on('error', () => response.destroy())
    request.pipe(onward)
  })
  const proxy: ProxyServer = {
    url: '',
    asked: [],
    credentials: [],
    refuse: undefined,
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy()
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
  function note({ method, url, headers }: IncomingMessage): void {
    proxy.asked.push(`${method} ${url}`)
    proxy.credentials.push(headers['proxy-authorization'])
  }
  server.on('connect', (request, client: Socket) => {
    note(request)
    const port = hosts[new URL(`http://${request.url}`).hostname]
    const refusal = proxy.refuse ?? (port === undefined ? 502 : undefined)
    if (refusal !== undefined || port === undefined) {
      client.end(`HTTP/1.1 ${refusal} No\r\n\r\n`)
      return
    }
    const host = connect(port, '127.0.0.1', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n')
      client.pipe(host).pipe(client)
    })
    for (const socket of [client, host]) {
      sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        sockets.delete(socket)
        client.destroy()
        host.destroy()
      })
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  proxy.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return proxy
}
