/** Loaded before the origin: tells `npm start` that the process and its event loop are alive, and when it leaves. */
import process from 'node:process'
import { isMainThread } from 'node:worker_threads'
import { ALIVE, LEAVING } from './beats.ts'

const BEAT_MS = 500

function tell(message: string): void {
  // the channel may close at any moment; then nobody wants to know
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined)
}

if (isMainThread && process.send) {
  tell(ALIVE)
  setInterval(() => tell(ALIVE), BEAT_MS).unref()
  process.on('exit', () => tell(LEAVING))
}
