import { afterEach, describe, expect, it, vi } from 'vitest'
import { type Config, ConfigError, parseConfig } from '../../worker/env.ts'
import { mintIceServers, sharedSecretCredentials } from '../../worker/ice-servers.ts'

const SESSION = '550e8400-e29b-41d4-a716-446655440000'
const BASE = {
  AUTH_MODE: 'open',
  DEPLOYMENT: 'local',
  TOKEN_SECRET: 'a-secret-for-tests-that-is-long-enough',
  ORIGIN_KEY: 'origin-key-for-tests',
  LOG_LEVEL: 'silent',
}
const config = (variables: Record<string, string>): Config => parseConfig({ ...BASE, ...variables })

afterEach(() => {
  vi.restoreAllMocks()
  vi.useRealTimers()
})

describe('ICE servers of a session', () => {
  it('are those configured when there is no TURN service', async () => {
    expect(await mintIceServers(config({}), SESSION)).toEqual({ iceServers: [{ urls: 'stun:stun.l.google.com:19302' }], warnings: [] })
  })

  it('have credentials of a shared secret that end some time after the session', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: 1_700_000_000_000 })
    const { iceServers } = await mintIceServers(
      config({ ICE_SERVERS: '[]', TURN_URLS: 'turn:turn.example.com:3478, turns:turn.example.com:5349', TURN_SECRET: 'north-of-the-wall' }),
      SESSION,
    )
    const [server] = iceServers
    expect(server?.urls).toEqual(['turn:turn.example.com:3478', 'turns:turn.example.com:5349'])
    const [until, who] = server?.username?.split(':') ?? []
    expect(who).toBe(SESSION)
    expect(Number(until) - 1_700_000_000).toBeGreaterThan(3_600)
    expect(Number(until) - 1_700_000_000).toBeLessThanOrEqual(3_700)
    expect(server).toMatchObject(await sharedSecretCredentials('north-of-the-wall', SESSION, Number(until)))
  })

  it('are signed as TURN servers check it', async () => {
    // printf '1700000000:alice' | openssl dgst -sha1 -hmac 'north-of-the-wall' -binary | base64
    expect(await sharedSecretCredentials('north-of-the-wall', 'alice', 1_700_000_000)).toEqual({
      username: '1700000000:alice',
      credential: 'DUc97LAZ4+61uBE+vszNmAGi1XA=',
    })
  })

  it('are asked of Cloudflare by key', async () => {
    const servers = [
      { urls: ['stun:stun.cloudflare.com:3478'] },
      { urls: ['turn:turn.cloudflare.com:3478?transport=udp'], username: 'u', credential: 'c' },
    ]
    const fetched = vi.spyOn(globalThis, 'fetch').mockResolvedValue(Response.json({ iceServers: servers }, { status: 201 }))
    const { iceServers, warnings } = await mintIceServers(
      config({ ICE_SERVERS: '[]', TURN_KEY_ID: 'key1', TURN_KEY_TOKEN: 'token1' }),
      SESSION,
    )
    expect(iceServers).toEqual(servers)
    expect(warnings).toEqual([])
    const [url, init] = fetched.mock.calls[0] ?? []
    expect(url).toBe('https://rtc.live.cloudflare.com/v1/turn/keys/key1/credentials/generate-ice-servers')
    expect(init).toMatchObject({ method: 'POST', headers: { authorization: 'Bearer token1' }, body: '{"ttl":3660}' })
  })

  it.each([
    ['refuses', () => Promise.resolve(new Response('no', { status: 401 }))],
    ['answers nonsense', () => Promise.resolve(Response.json({ hello: 1 }))],
    ['is not there', () => Promise.reject(new TypeError('fetch failed'))],
  ])('leave TURN out, with a warning, when the service %s', async (_how, answer) => {
    vi.spyOn(globalThis, 'fetch').mockImplementation(answer)
    const { iceServers, warnings } = await mintIceServers(config({ TURN_KEY_ID: 'key1', TURN_KEY_TOKEN: 'token1' }), SESSION)
    expect(iceServers).toHaveLength(1)
    expect(warnings[0]).toContain('TURN')
  })
})

it.each([
  [{ TURN_KEY_ID: 'key1' }, 'TURN_KEY_TOKEN'],
  [{ TURN_SECRET: 'north-of-the-wall' }, 'TURN_URLS'],
  [{ TURN_URLS: 'http://x', TURN_SECRET: 'north-of-the-wall' }, 'TURN_URLS'],
])('names what is missing or wrong in %o', (variables, name) => {
  expect(() => parseConfig({ ...BASE, ...variables })).toThrow(ConfigError)
  expect(() => parseConfig({ ...BASE, ...variables })).toThrow(name)
})
