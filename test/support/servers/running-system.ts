/** The whole system as `npm start` runs it, on ports of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import process from 'node:process'
import { freePort } from '../../../scripts/start/ports.ts'
import { PATIENCE_MS } from '../patience.ts'

export interface RunningSystem {
  apiUrl: string
  wsUrl: string
  port: number
  socketPort: number
  /** Of the start command. */
  pid: number
  /** Everything it printed. */
  log(): string
  stop(): Promise<void>
}

/**
 * @param env further variables, for the edge's and the origin's configuration
 * @param command what starts it
 */
export async function startSystem(
  env: Record<string, string> = {},
  [program = '', ...args]: readonly string[] = [process.execPath, 'scripts/start.ts'],
): Promise<RunningSystem> {
  const port = await freePort('127.0.0.1')
  const socketPort = await freePort('127.0.0.1')
  const child = spawn(program, args, {
    // the capacity that a busy machine measures says nothing about what is tested
    env: { ...process.env, CAPACITY: '16', ...env, PORT: String(port), SOCKET_PORT: String(socketPort) },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let printed = ''
  await new Promise<void>((resolve, reject) => {
    const read = (data: Buffer): void => {
      printed += data.toString()
      if (printed.includes('ready,')) resolve()
    }
    child.stdout.on('data', read)
    child.stderr.on('data', read)
    child.on('exit', (code) => reject(new Error(`the system ended with code ${code} before it was ready:\n${printed}`)))
    setTimeout(() => reject(new Error(`the system did not get ready:\n${printed}`)), PATIENCE_MS).unref()
  })
  return {
    apiUrl: `http://127.0.0.1:${port}`,
    wsUrl: `ws://127.0.0.1:${socketPort}/ws`,
    port,
    socketPort,
    pid: child.pid ?? 0,
    log: () => printed,
    stop: () => stop(child),
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  await gone
}
