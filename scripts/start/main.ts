/** Starts everything on this machine, keeps it running and ends it. */
import { performance } from 'node:perf_hooks'
import process from 'node:process'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type Addresses, inUrl, readAddresses } from './addresses.ts'
import { edgeEnv, originEnv } from './child-env.ts'
import { type EdgeAddress, isEdgeListener, spawnEdge } from './edge.ts'
import { edgeVariables, readEnvFile, readSources, type Variables, writeVariables } from './edge-variables.ts'
import { type Forwarders, startForwarders } from './forwarders.ts'
import { Guardian } from './guardian.ts'
import type { Health } from './health.ts'
import { Keeper } from './keeper.ts'
import { networkAddresses } from './network.ts'
import { spawnOrigin } from './origin.ts'
import { isUnderNohup, watchParents } from './parents.ts'
import { Part } from './part.ts'
import { freePort, requirePorts } from './ports.ts'
import { complain, StartError, say } from './print.ts'
import { Supervisor } from './supervisor.ts'

const STOP_TIMEOUT_MS = 3_000
const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** Of worker/env.ts. */
interface WorkerEnv {
  VARIABLE_NAMES: readonly string[]
  /** @throws Error that names each variable that does not fit */
  parseConfig(env: object): object
}

class System {
  readonly #watch: boolean
  /** The pages' builder, beside the two that are kept. */
  readonly #builders = new Set<Part>()
  #guardian: Guardian | undefined
  #edge: Keeper | undefined
  #origin: Keeper | undefined
  #supervisor: Supervisor | undefined
  #forwarders: Forwarders | undefined
  #stopping = false

  constructor({ watch }: { watch: boolean }) {
    this.#watch = watch
  }

  async start(): Promise<void> {
    const addresses = await readAddresses(process.env)
    await requirePorts(addresses)
    const at: EdgeAddress = { host: '127.0.0.1', port: await freePort('127.0.0.1') }
    const stateFolder = `.wrangler/${addresses.port}`
    const { variables, notes } = await readVariables(stateFolder, addresses)
    if (this.#stopping) return
    const variablesFile = writeVariables(stateFolder, variables)
    const forOrigin = originEnv(process.env, readEnvFile('.env'))
    for (const note of [addresses.note, ...notes, ...forOrigin.notes]) if (note !== undefined) say(note)

    say('starting the edge and the origin')
    this.#guardian = new Guardian()
    const origin = this.#keepOrigin({ ...forOrigin.env, ...linkOf(at, variables) })
    origin.start()
    await this.#buildPages()
    if (this.#stopping) return
    const edge = this.#keepEdge(at, variables, variablesFile, stateFolder)
    edge.start()
    this.#forwarders = await startForwarders(addresses, at)
    if (this.#stopping) return
    const { shown, notes: taken } = this.#forwarders
    for (const note of taken) say(note)
    this.#supervisor = new Supervisor({
      at,
      edge,
      origin,
      onReady: (health) => say(readyText({ ...addresses, shown }, health)),
      onNotReady: () => this.giveUp('not ready after 60 s; the lines above say what is missing'),
      onMisconfigured: (why) => this.giveUp(why),
    })
  }

  /** Ends the whole with one line that says why. */
  giveUp(why: string): void {
    if (!this.#stopping) complain(why)
    void this.stop(1)
  }

  /** @param code of the exit. Asked a second time, it waits for nobody */
  async stop(code: number): Promise<void> {
    const parts = this.#parts()
    if (this.#stopping) {
      for (const part of parts) part.kill()
      return
    }
    this.#stopping = true
    process.exitCode = code
    this.#supervisor?.close()
    for (const keeper of [this.#edge, this.#origin]) keeper?.close()
    for (const server of this.#forwarders?.servers ?? []) server.close()
    for (const part of parts) {
      part.mute()
      part.terminate()
    }
    const byMs = performance.now() + STOP_TIMEOUT_MS
    while (parts.some((part) => !part.ended) && performance.now() < byMs) await delay(20)
    for (const part of parts) part.kill()
    this.#guardian?.close()
    process.exit()
  }

  #keepEdge(at: EdgeAddress, variables: Variables, variablesFile: string, stateFolder: string): Keeper {
    const env = edgeEnv(process.env)
    this.#edge = new Keeper({
      what: 'the edge',
      spawn: (onExit) => spawnEdge({ at, env, variablesFile, stateFolder, logLevel: variables.LOG_LEVEL, watch: this.#watch }, onExit),
      isListener: isEdgeListener(at.port),
      onNeverUp: () => this.giveUp('the edge could not start'),
      onChange: () => this.#guard(),
    })
    return this.#edge
  }

  #keepOrigin(env: Record<string, string>): Keeper {
    const origin = new Keeper({
      what: 'the origin',
      spawn: (onExit) =>
        spawnOrigin({ env, watch: this.#watch }, { onAlive: () => origin.heard(), onLeaving: () => origin.standsStill(), onExit }),
      onNeverUp: () => this.giveUp('the origin could not start'),
      onChange: () => this.#guard(),
    })
    this.#origin = origin
    return origin
  }

  /** The pages and the SDK that they use: built once, which takes a moment, and with `--watch` again at every change. */
  async #buildPages(): Promise<void> {
    const how = await new Promise<string>((resolve) => this.#build([], resolve))
    if (how !== 'code 0') this.giveUp('the demo page could not be built')
    else if (this.#watch) this.#build(['--watch'], (ended) => say(`the pages are no longer watched (${ended})`))
  }

  #build(options: string[], onExit: (how: string) => void): void {
    const part = new Part({
      name: 'page',
      args: ['scripts/build-web.ts', ...options],
      env: { ...process.env } as Record<string, string>,
      onExit: (how) => {
        this.#builders.delete(part)
        this.#guard()
        if (!this.#stopping) onExit(how)
      },
    })
    this.#builders.add(part)
    this.#guard()
  }

  #parts(): Part[] {
    return [...this.#builders, this.#edge?.part, this.#origin?.part].flatMap((part) => (part && !part.ended ? [part] : []))
  }

  #guard(): void {
    this.#guardian?.guard(this.#parts().flatMap(({ pid }) => pid ?? []))
  }
}

/** @throws StartError that names each variable that does not fit */
async function readVariables(stateFolder: string, addresses: Addresses): Promise<{ variables: Variables; notes: string[] }> {
  // its types are those of the Workers runtime: it is imported by its address, which the compiler does not follow
  const { VARIABLE_NAMES, parseConfig } = (await import(new URL('../../worker/env.ts', import.meta.url).href)) as WorkerEnv
  const result = edgeVariables({ ...readSources(stateFolder), env: process.env, names: VARIABLE_NAMES, addresses })
  try {
    parseConfig(result.variables)
  } catch (thrown) {
    throw new StartError(thrown instanceof Error ? thrown.message : String(thrown))
  }
  return result
}

/** How the origin finds the edge. */
function linkOf({ host, port }: EdgeAddress, { ORIGIN_KEY = '' }: Variables): Record<string, string> {
  return { EDGE_URL: `ws://${host}:${port}`, ORIGIN_KEY }
}

function readyText(addresses: Addresses, health: Health): string {
  const { shown, port, socketPort } = addresses
  const http = `http://${shown}:${port}`
  const others = networkAddresses(addresses).map((host) => `         elsewhere     http://${inUrl(host)}:${port}/\n`)
  return `ready, ${health.services.gpu === 'available' ? 'rendering on the GPU' : 'rendering on the CPU'}\n
         talk to her   ${http}/
         API           ${http}/v1   (documentation: ${http}/docs)
         WebSocket     ws://${shown}:${socketPort}/ws
${others.join('')}         Ctrl-C ends everything\n`
}

export async function main(): Promise<void> {
  process.chdir(ROOT)
  const system = new System({ watch: process.argv.includes('--watch') })
  const stays = isUnderNohup()
  let hungUp = false
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void system.stop(0))
  process.on('SIGHUP', () => {
    if (stays) hungUp = true
    else void system.stop(0)
  })
  watchParents({
    isHungUp: () => hungUp,
    onGone: (who) => {
      say(`${who} has ended: everything ends`)
      void system.stop(0)
    },
  })
  try {
    await system.start()
  } catch (thrown) {
    system.giveUp(thrown instanceof Error ? thrown.message : String(thrown))
  }
}
