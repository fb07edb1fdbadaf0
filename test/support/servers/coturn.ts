/** Debian's coturn on loopback, with a shared secret. */
import { spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { until } from '../until.ts'

/** STUN (RFC 8489): type 1, no attributes, the magic cookie, a transaction id. */
const BINDING_REQUEST = Buffer.from(`000100002112a442${'ab'.repeat(12)}`, 'hex')
export const TURNSERVER = '/usr/bin/turnserver'

export interface Coturn {
  url: string
  stop(): Promise<void>
}

/** A UDP port that nothing uses. */
async function freePort(): Promise<number> {
  const probe = createSocket('udp4')
  probe.bind(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address()
  await new Promise<void>((resolve) => probe.close(resolve))
  return port
}

export async function startCoturn(secret: string): Promise<Coturn> {
  const port = await freePort()
  const child = spawn(
    TURNSERVER,
    [
      ...['-n', '--no-cli', '--no-tls', '--no-dtls', '--no-tcp', '--log-file=stdout', '--simple-log'],
      ...['--listening-ip=127.0.0.1', '--relay-ip=127.0.0.1', `--listening-port=${port}`, '--allow-loopback-peers'],
      ...[
        '--use-auth-secret',
        `--static-auth-secret=${secret}`,
        '--realm=avatar',
        '--min-port=49200',
        '--max-port=49250',
        '--pidfile=/dev/null',
      ],
    ],
    { stdio: 'ignore' },
  )
  // it says nothing before its buffer is full: asked until it answers
  const socket = createSocket('udp4')
  let answered = false
  socket.on('message', () => {
    answered = true
  })
  const ask = setInterval(() => socket.send(BINDING_REQUEST, port, '127.0.0.1'), 50)
  try {
    await until('coturn to answer', () => answered)
  } finally {
    clearInterval(ask)
    socket.close()
  }
  return {
    url: `turn:127.0.0.1:${port}?transport=udp`,
    stop: async () => {
      if (child.exitCode !== null) return
      const gone = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGKILL')
      await gone
    },
  }
}
