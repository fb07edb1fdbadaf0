/** The edge: wrangler dev, whose workerd runs the Worker. */
import type { ChildEnv } from './child-env.ts'
import { Part } from './part.ts'

/** Where the edge listens: clients come by the forwarders. */
export interface EdgeAddress {
  host: string
  port: number
}

export interface EdgeOptions {
  at: EdgeAddress
  env: ChildEnv
  /** File with the Worker's variables. */
  variablesFile: string
  /** Folder of the Worker's state. */
  stateFolder: string
  /** LOG_LEVEL as it was asked for; undefined when it was not. */
  logLevel: string | undefined
  watch: boolean
}

/** Without LOG_LEVEL the edge says what needs attention only. */
const BY_DEFAULT = 'warn'

export function spawnEdge(
  { at, env, variablesFile, stateFolder, logLevel = BY_DEFAULT, watch }: EdgeOptions,
  onExit: (how: string) => void,
): Part {
  const verbose = watch || ['debug', 'info'].includes(logLevel)
  const options = {
    ip: at.host,
    port: String(at.port),
    'env-file': variablesFile,
    'persist-to': stateFolder,
    'inspector-port': '0',
    // the Worker is told the host that was called, also where wrangler.toml has routes
    'infer-origin-from-routes': 'false',
    'log-level': verbose ? 'info' : logLevel === 'warn' ? 'warn' : 'error',
    'show-interactive-dev-session': 'false',
  }
  const words = Object.entries(options).map(([name, value]) => `--${name}=${value}`)
  return new Part({
    name: 'edge',
    args: ['node_modules/wrangler/bin/wrangler.js', 'dev', ...words],
    env,
    show: (line, stream) => (isWanted(line, stream, watch) ? line : undefined),
    onExit,
  })
}

/** workerd's command line names the socket that it serves. */
export function isEdgeListener(port: number): (command: string[]) => boolean {
  return (command) => command.some((word) => word.startsWith('--socket-addr=') && word.endsWith(`:${port}`))
}

/** Of what wrangler says besides the Worker's own lines, its warnings and errors; while files are watched all, but the health checks. */
function isWanted(line: string, stream: 'stdout' | 'stderr', watch: boolean): boolean {
  if (/\bGET \/health 200\b/.test(line) || (line.startsWith('{') && line.includes('"route":"/health"'))) return false
  return watch || stream === 'stderr' || line.startsWith('{')
}
