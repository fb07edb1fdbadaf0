/** The proof that an installed tree works: it is started as a user would, and has to say a sentence. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import process from 'node:process'
import { setTimeout as delay } from 'node:timers/promises'
import { ApiClient } from '../../test/support/clients/api-client.ts'
import { descendantsOf, isRunning } from '../../test/support/servers/processes.ts'
import { freePort } from '../start/ports.ts'

const READY_TIMEOUT_MS = 90_000
const STOP_TIMEOUT_MS = 10_000
const SENTENCE = 'This tree was installed well.'

export interface Spoken {
  /** Seconds from the command to readiness. */
  readySeconds: number
  /** Messages with sound. */
  sounds: number
}

/** @throws Error when it is not ready in time, or does not speak */
export async function startAndSpeak(command: readonly string[], cwd: string, env: NodeJS.ProcessEnv, logFile: string): Promise<Spoken> {
  const [port, socketPort] = [await freePort('127.0.0.1'), await freePort('127.0.0.1')]
  const [program = '', ...args] = command
  const startedMs = performance.now()
  const child = spawn(program, args, {
    cwd,
    env: { ...env, PORT: String(port), SOCKET_PORT: String(socketPort) },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  const log = createWriteStream(logFile)
  for (const stream of [child.stdout, child.stderr]) stream.pipe(log, { end: false })
  try {
    const apiUrl = `http://127.0.0.1:${port}`
    await untilReady(apiUrl, child)
    const readySeconds = (performance.now() - startedMs) / 1000
    return { readySeconds, sounds: await speak(apiUrl, `ws://127.0.0.1:${socketPort}/ws`) }
  } finally {
    await stop(child)
    log.end()
  }
}

async function untilReady(apiUrl: string, child: ChildProcess): Promise<void> {
  const byMs = performance.now() + READY_TIMEOUT_MS
  while (performance.now() < byMs) {
    if (child.exitCode !== null) throw new Error(`start ended with ${child.exitCode}`)
    try {
      const response = await fetch(`${apiUrl}/health`, { signal: AbortSignal.timeout(2_000) })
      const { origins = 0 } = (await response.json()) as { origins?: number }
      if (origins > 0) return
    } catch {
      // nothing listens there yet
    }
    await delay(100)
  }
  throw new Error(`not ready in ${READY_TIMEOUT_MS / 1000} s`)
}

async function speak(apiUrl: string, wsUrl: string): Promise<number> {
  const { sessionId, socket } = await new ApiClient({ apiUrl, wsUrl }).join()
  try {
    await new ApiClient({ apiUrl, wsUrl }).speak(sessionId, SENTENCE)
    await socket.next('speech_finished', { where: ({ reason }) => reason === 'completed' })
    const sounds = socket.of('audio').length
    if (sounds === 0) throw new Error('speech_finished came without any sound')
    return sounds
  } finally {
    socket.close()
  }
}

/** As Ctrl-C does. What is left of it after a while is ended by force. */
async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
  const below = descendantsOf(child.pid)
  const gone = new Promise((resolve) => child.once('exit', resolve))
  process.kill(-child.pid, 'SIGTERM')
  await Promise.race([gone, delay(STOP_TIMEOUT_MS)])
  for (const { pid } of below) if (isRunning(pid)) process.kill(pid, 'SIGKILL')
  await gone
}
