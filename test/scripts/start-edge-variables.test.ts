/** What the edge is configured with, and the file that hands it over. */
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { unstable_getVarsForDev as readAsWrangler } from 'wrangler'
import { readAddresses } from '../../scripts/start/addresses.ts'
import { edgeVariables, readSources, type Sources, writeVariables } from '../../scripts/start/edge-variables.ts'

const { VARIABLE_NAMES: names, parseConfig } = (await import(new URL('../../worker/env.ts', import.meta.url).href)) as {
  VARIABLE_NAMES: string[]
  parseConfig(env: object): Record<string, unknown>
}

const folder = mkdtempSync(join(tmpdir(), 'avatar-start-'))
afterAll(() => rmSync(folder, { recursive: true }))

async function variablesOf(env: NodeJS.ProcessEnv, { kept = {}, own = {} }: Partial<Sources> = {}) {
  const addresses = await readAddresses(env, async (host) => [{ address: host === 'here' ? '127.0.1.1' : '192.0.2.7', family: 4 }])
  return edgeVariables({ kept, own, env, names, addresses })
}

describe('the variables of the edge', () => {
  it('fit without anything set: open, local, with secrets', async () => {
    const { variables, notes } = await variablesOf({})
    expect(parseConfig(variables)).toMatchObject({ AUTH_MODE: 'open', DEPLOYMENT: 'local', LOG_LEVEL: 'info' })
    expect(variables).toMatchObject({ SOCKET_PORT: '8001', ORIGIN_KEY: expect.stringMatching(/^[0-9a-f]{64}$/) })
    expect(variables.WS_URL, 'the edge knows how it was called').toBeUndefined()
    expect(notes).toEqual([])
  })

  it('are every one that the edge knows, from the environment', async () => {
    const values: Record<string, string> = { API_KEYS: `me:${'0'.repeat(64)}`, WS_URL: 'wss://ws.example.com/ws', LOG_LEVEL: 'debug' }
    expect(names).toEqual(expect.arrayContaining(Object.keys(values)))
    const env = Object.fromEntries(names.map((name) => [name, values[name] ?? `a value of ${name}`]))
    const { variables } = await variablesOf({ ...env, AUTH_MODE: 'keys', PORT: '9000', SOCKET_PORT: '9001', PATH: '/bin' })
    expect(variables).toEqual({ ...env, AUTH_MODE: 'keys', PORT: '9000', SOCKET_PORT: '9001' })
  })

  it('are of the environment before .dev.vars, and of that before what was kept; an empty one is none', async () => {
    const kept = { ORIGIN_KEY: 'kept', TOKEN_SECRET: 'kept' }
    const own = { ORIGIN_KEY: '', TOKEN_SECRET: 'own', MAX_SESSIONS: '5', RATE_LIMIT_CHAT: '6' }
    const { variables } = await variablesOf({ MAX_SESSIONS: '7', RATE_LIMIT_CHAT: '' }, { kept, own })
    expect(variables).toMatchObject({ ORIGIN_KEY: 'kept', TOKEN_SECRET: 'own', MAX_SESSIONS: '7', RATE_LIMIT_CHAT: '6' })
  })

  it.each([
    ['trace', 'debug'],
    ['DEBUG', 'debug'],
    ['warn', 'warn'],
    ['fatal', 'error'],
    ['silent', 'silent'],
  ])('a LOG_LEVEL of %s, which the origin knows too, is %s at the edge', async (given, level) => {
    const { variables, notes } = await variablesOf({ LOG_LEVEL: given })
    expect(parseConfig(variables)).toMatchObject({ LOG_LEVEL: level })
    expect(notes).toEqual([])
  })

  it('a LOG_LEVEL that nobody knows is said and harms neither', async () => {
    const { variables, notes } = await variablesOf({ LOG_LEVEL: 'loud' })
    expect(parseConfig(variables)).toMatchObject({ LOG_LEVEL: 'info' })
    expect(notes).toEqual([expect.stringContaining('LOG_LEVEL is loud')])
  })
})

describe('keys', () => {
  const API_KEYS = `me:${'0'.repeat(64)}`

  it('that are given are asked for, in the environment or in .dev.vars', async () => {
    expect((await variablesOf({ HOST: '0.0.0.0', API_KEYS })).variables).toMatchObject({ AUTH_MODE: 'keys', API_KEYS })
    expect((await variablesOf({}, { own: { API_KEYS } })).variables).toMatchObject({ AUTH_MODE: 'keys', API_KEYS })
    expect((await variablesOf({ API_KEYS, AUTH_MODE: 'open' })).variables.AUTH_MODE).toBe('open')
    expect((await variablesOf({ API_KEYS: '' }, { own: { API_KEYS: ' ' } })).variables.AUTH_MODE).toBe('open')
  })
})

describe('open mode', () => {
  it('on a network needs a word of consent', async () => {
    for (const env of [{ HOST: '0.0.0.0' }, { HOST: '::' }, { HOST: '192.0.2.7' }, { HOST: 'elsewhere' }]) {
      const refused = variablesOf(env)
      await expect(refused).rejects.toThrow(`HOST is ${env.HOST} and AUTH_MODE is open`)
      await expect(refused).rejects.toThrow(/API_KEYS, or OPEN_TO_NETWORK=1/)
      await expect(variablesOf({ ...env, OPEN_TO_NETWORK: '0' })).rejects.toThrow('AUTH_MODE is open')
    }
  })

  it.each(['1', 'true', 'TRUE'])('with OPEN_TO_NETWORK=%s goes on, warns, and answers to every name', async (consent) => {
    const { variables, notes } = await variablesOf({ HOST: '0.0.0.0', OPEN_TO_NETWORK: consent })
    expect(variables.ALLOWED_HOSTS).toBe('*')
    expect(notes).toEqual([expect.stringMatching(/^WARNING: open to the network/)])
  })

  it('answers to the names that the user gives', async () => {
    const env = { HOST: '0.0.0.0', OPEN_TO_NETWORK: '1' }
    expect((await variablesOf({ ...env, ALLOWED_HOSTS: 'a.example' })).variables.ALLOWED_HOSTS).toBe('a.example')
    expect((await variablesOf(env, { own: { ALLOWED_HOSTS: 'b.example' } })).variables.ALLOWED_HOSTS).toBe('b.example')
  })

  it('answers to a name of HOST that leads to this machine only', async () => {
    expect((await variablesOf({ HOST: 'here' })).variables.ALLOWED_HOSTS).toBe('here')
    for (const host of ['', 'localhost', '127.0.0.1', '::1']) {
      expect((await variablesOf({ HOST: host })).variables.ALLOWED_HOSTS, host).toBeUndefined()
    }
  })

  it('is not what keys are about', async () => {
    const { variables, notes } = await variablesOf({ HOST: '0.0.0.0', AUTH_MODE: 'keys', API_KEYS: `me:${'0'.repeat(64)}` })
    expect(variables.ALLOWED_HOSTS).toBeUndefined()
    expect(notes).toEqual([])
  })
})

describe('the file of variables', () => {
  const hard = {
    ICE_SERVERS: '[{"urls":"stun:stun.example:3478","credential":"it\'s"}]',
    TURN_SECRET: ['pa$HOME $', '{PATH} \\$x # no comment'].join(''),
    LINES: 'one\ntwo \\n three',
    TICKS: '`a` "b"',
    SPACES: '  around  ',
    BACKSLASH: 'ends with \\',
    EQUALS: 'a=b=c',
  }

  it('says to wrangler what was meant, and is for this user only', () => {
    const path = writeVariables(join(folder, 'hard'), hard)
    const read = readAsWrangler(undefined, [path], {}, undefined, true) as Record<string, { value: string }>
    expect(Object.fromEntries(Object.entries(read).map(([name, { value }]) => [name, value]))).toEqual(hard)
    expect(statSync(path).mode & 0o777).toBe(0o600)
  })

  it('keeps secrets for the next start', () => {
    writeVariables(join(folder, 'kept'), { ORIGIN_KEY: 'abc', TOKEN_SECRET: '' })
    expect(readSources(join(folder, 'kept')).kept).toEqual({ ORIGIN_KEY: 'abc' })
    expect(readSources(join(folder, 'none')).kept).toEqual({})
  })

  it('names a variable that cannot be said', () => {
    expect(() => writeVariables(folder, { TURN_SECRET: '\'"`' })).toThrow('TURN_SECRET has single quotes')
  })
})
