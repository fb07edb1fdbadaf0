/** The edge's configuration on this machine: secrets are made once and kept; `.dev.vars` wins over them, the environment over both. */
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { parseEnv } from 'node:util'
import { type Addresses, isLoopback } from './addresses.ts'
import { StartError } from './print.ts'

export type Variables = Readonly<Record<string, string>>

/** Levels of the edge's log; the origin's has further ones. */
const EDGE_LEVELS: Readonly<Record<string, string>> = {
  trace: 'debug',
  debug: 'debug',
  info: 'info',
  warn: 'warn',
  error: 'error',
  fatal: 'error',
  silent: 'silent',
}

export interface Sources {
  /** Made by an earlier start. */
  kept: Variables
  /** Of `.dev.vars`. */
  own: Variables
  env: NodeJS.ProcessEnv
  /** Variables that the edge knows. */
  names: readonly string[]
  addresses: Pick<Addresses, 'host' | 'listen' | 'shown' | 'port' | 'socketPort' | 'onNetwork'>
}

/** Variables and their sources, and lines about them. An empty one counts as not set. */
export function edgeVariables({ kept, own, env, names, addresses }: Sources): { variables: Variables; notes: string[] } {
  const given = Object.fromEntries(names.flatMap((name) => (env[name]?.trim() ? [[name, env[name]]] : [])))
  const notes: string[] = []
  if (given.LOG_LEVEL !== undefined) {
    const level = EDGE_LEVELS[given.LOG_LEVEL.trim().toLowerCase()]
    if (level === undefined)
      notes.push(`LOG_LEVEL is ${given.LOG_LEVEL}, which is none of ${Object.keys(EDGE_LEVELS).join(', ')}: info is used`)
    given.LOG_LEVEL = level ?? 'info'
  }
  const keys = given.API_KEYS ?? withoutEmpty(own).API_KEYS
  const variables: Record<string, string> = {
    AUTH_MODE: keys === undefined ? 'open' : 'keys',
    DEPLOYMENT: 'local',
    ORIGIN_KEY: kept.ORIGIN_KEY ?? secret(),
    TOKEN_SECRET: kept.TOKEN_SECRET ?? secret(),
    ...withoutEmpty(own),
    ...given,
    PORT: String(addresses.port),
    SOCKET_PORT: String(addresses.socketPort),
  }
  if (variables.AUTH_MODE === 'open') {
    const hosts = env.ALLOWED_HOSTS?.trim() || variables.ALLOWED_HOSTS || allowedHosts(addresses)
    if (hosts !== '') variables.ALLOWED_HOSTS = hosts
    if (addresses.onNetwork) notes.push(consentTo(addresses, env))
  }
  return { variables, notes }
}

/**
 * @returns the warning for who has agreed
 * @throws StartError for who has not
 */
function consentTo({ host, listen }: Sources['addresses'], env: NodeJS.ProcessEnv): string {
  const where = !/^(0\.0\.0\.0|::)$/.test(listen) ? listen : 'this machine over any network'
  const meaning = `whoever reaches ${where} can drive sessions, spend what your keys cost and read /admin, without a key`
  if (/^(1|true)$/i.test(env.OPEN_TO_NETWORK?.trim() ?? '')) return `WARNING: open to the network: ${meaning}`
  throw new StartError(
    `HOST is ${host} and AUTH_MODE is open: ${meaning}. Set API_KEYS, or OPEN_TO_NETWORK=1 if you want that, or unset HOST`,
  )
}

/** Names that open mode answers to besides those of this machine; '' for none. */
function allowedHosts({ shown, onNetwork }: Sources['addresses']): string {
  if (onNetwork) return '*'
  // a name of one's own for a loopback address
  return shown === 'localhost' || isLoopback(shown.replaceAll(/[[\]]/g, '')) ? '' : shown
}

/** Reads what there is. @param folder of this port's state */
export function readSources(folder: string): Pick<Sources, 'kept' | 'own'> {
  return { kept: readEnvFile(variablesFile(folder)), own: readEnvFile('.dev.vars') }
}

/** Writes the file that wrangler reads. @returns its path */
export function writeVariables(folder: string, variables: Variables): string {
  mkdirSync(folder, { recursive: true })
  const path = variablesFile(folder)
  writeFileSync(path, envFileText(variables), { mode: 0o600 })
  return path
}

export function readEnvFile(path: string): Variables {
  return existsSync(path) ? withoutEmpty(parseEnv(readFileSync(path, 'utf8'))) : {}
}

/** In the words of wrangler's reader, which expands `$NAME`, quoted or not, and knows no escape for a quote. */
export function envFileText(variables: Variables): string {
  return Object.entries(variables)
    .map(([name, value]) => {
      const quote = ["'", '`', '"'].find((mark) => !value.includes(mark))
      if (quote === undefined || (quote === '"' && /\\[nr]/.test(value)))
        throw new StartError(`${name} has single quotes, double quotes and backticks: it cannot be handed to the edge`)
      return `${name}=${quote}${value.replaceAll('$', '\\$')}${quote}\n`
    })
    .join('')
}

function variablesFile(folder: string): string {
  return `${folder}/local.vars`
}

function withoutEmpty(variables: NodeJS.Dict<string>): Variables {
  return Object.fromEntries(Object.entries(variables).flatMap(([name, value]) => (value?.trim() ? [[name, value]] : [])))
}

function secret(): string {
  return randomBytes(32).toString('hex')
}
