/** The Worker's variables and secrets, parsed once. Nothing else reads them. */
import type * as z from 'zod'
import { Variables } from './variables.ts'

/** Bindings of wrangler.toml; every other name is a variable or a secret. */
export interface Env {
  SESSION: DurableObjectNamespace
  TENANT: DurableObjectNamespace
  POOL: DurableObjectNamespace
  ASSETS?: Fetcher
}

export type Config = Readonly<z.infer<typeof Variables>>

/** Every variable and secret, for what hands them to the Worker. */
export const VARIABLE_NAMES: readonly string[] = Object.keys(Variables.shape)

/** Variables that do not fit. The message names each one and what it must be; it never holds a value. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly variables: string[]

  constructor(issues: { variable: string; message: string }[]) {
    super(issues.map(({ variable, message }) => `${variable}: ${message}`).join('; '))
    this.variables = issues.map(({ variable }) => variable)
  }
}

/** @throws ConfigError */
export function parseConfig(env: object): Config {
  const set = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''))
  const parsed = Variables.safeParse(set)
  if (parsed.success) return Object.freeze(parsed.data)
  throw new ConfigError(parsed.error.issues.map((issue) => ({ variable: issue.path.join('.'), message: issue.message })))
}

const parsed = new WeakMap<object, Config>()

/**
 * The configuration of this env object, parsed at the first call.
 *
 * @throws ConfigError
 */
export function configOf(env: Env): Config {
  const known = parsed.get(env)
  if (known !== undefined) return known
  const config = parseConfig(env)
  parsed.set(env, config)
  return config
}
