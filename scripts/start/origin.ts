/** The origin: one Node process, which tells that it is alive. */
import { existsSync } from 'node:fs'
import { ALIVE, LEAVING } from './beats.ts'
import type { ChildEnv } from './child-env.ts'
import { Part } from './part.ts'

export interface OriginOptions {
  env: ChildEnv
  watch: boolean
}

export interface OriginListener {
  onAlive(): void
  onLeaving(): void
  onExit(how: string): void
}

export function spawnOrigin({ env, watch }: OriginOptions, { onAlive, onLeaving, onExit }: OriginListener): Part {
  return new Part({
    name: 'origin',
    args: [
      // origin/workers/idle-memory.ts
      '--expose-gc',
      ...(existsSync('.env') ? ['--env-file=.env'] : []),
      ...(watch ? ['--watch', '--watch-preserve-output'] : []),
      `--import=${new URL('heartbeat.ts', import.meta.url).href}`,
      'origin/index.ts',
    ],
    env,
    onMessage: (message) => {
      if (message === ALIVE) onAlive()
      else if (message === LEAVING) onLeaving()
    },
    onExit,
  })
}
