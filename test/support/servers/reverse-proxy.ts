/** A reverse proxy as many put it in front: TLS, below a path that it takes away, and headers that say so. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { type IncomingMessage, request } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'

export interface ReverseProxy {
  /** `https://localhost:PORT/prefix` */
  url: string
  /** In PEM: who trusts it can call. */
  certificate: string
  close(): Promise<void>
}

/** @param upstream port of the server behind, on this machine */
export async function startReverseProxy(upstream: number, prefix: string): Promise<ReverseProxy> {
  const { key, certificate } = selfSigned()
  const server = createServer({ key, cert: certificate })
  const sockets = new Set<Duplex>()

  /** As nginx calls by default: the host is the inner one, what was called stands in the other headers. */
  const forward = (from: IncomingMessage) =>
    request({
      port: upstream,
      method: from.method,
      path: from.url?.slice(prefix.length) || '/',
      headers: {
        ...from.headers,
        host: `127.0.0.1:${upstream}`,
        'x-forwarded-proto': 'https',
        'x-forwarded-host': from.headers.host,
        'x-forwarded-prefix': prefix,
      },
    })

  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  server.on('request', (from, to) => {
    if (!from.url?.startsWith(`${prefix}/`)) {
      to.writeHead(404).end('nothing outside of the prefix')
      return
    }
    const call = forward(from)
    call.once('response', (answer) => {
      to.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(to)
    })
    call.once('error', () => to.destroy())
    from.pipe(call)
  })
  server.on('upgrade', (from, client: Duplex, head) => {
    const call = forward(from)
    call.once('upgrade', (answer, edge, first) => {
      client.write(headOf(answer))
      client.write(first)
      edge.write(head)
      client.pipe(edge).pipe(client)
      // either side may vanish; the other then ends too
      client.on('error', () => edge.destroy())
      edge.on('error', () => client.destroy())
    })
    call.once('response', (answer) => {
      client.write(headOf(answer))
      answer.pipe(client)
    })
    call.once('error', () => client.destroy())
    call.end()
  })

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `https://localhost:${(server.address() as AddressInfo).port}${prefix}`,
    certificate,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
  }
}

function headOf({ statusCode, statusMessage, rawHeaders }: IncomingMessage): string {
  const lines = rawHeaders.flatMap((name, at) => (at % 2 === 0 ? [`${name}: ${rawHeaders[at + 1]}`] : []))
  return `HTTP/1.1 ${statusCode} ${statusMessage}\r\n${lines.join('\r\n')}\r\n\r\n`
}

function selfSigned(): { key: string; certificate: string } {
  const folder = mkdtempSync(join(tmpdir(), 'avatar-tls-'))
  try {
    const [keyPath, certificatePath] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')]
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
    const made = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', keyPath, '-out', certificatePath]
    execFileSync('openssl', ['req', '-x509', '-days', '2', ...subject, ...made], { stdio: 'pipe' })
    return { key: readFileSync(keyPath, 'utf8'), certificate: readFileSync(certificatePath, 'utf8') }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
