/** Where answers say that the server is: it depends on how it was called, and on whom it believes. */
import { reset } from 'cloudflare:test'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parseConfig } from '../../worker/env.ts'
import { type CallOptions, callEdge, fetchEdge } from './support/edge.ts'
import { FakeOrigin } from './support/fake-origin.ts'
import { sha256 } from './support/keys.ts'
import type { Json } from './support/peer.ts'

const KEYS: Record<string, string> = { AUTH_MODE: 'keys', API_KEYS: '' }
/** As `npm start` hands them over. */
const PORTS = { PORT: '8000', SOCKET_PORT: '8001' }
const PROXY = { ...PORTS, TRUSTED_PROXY: '1' }

beforeEach(async () => {
  KEYS.API_KEYS = `acme:${await sha256('key-a')}`
  await FakeOrigin.start()
})
afterEach(() => reset())

function call({ vars = {}, headers = {}, ...options }: CallOptions): CallOptions {
  return { ...options, vars: { ...KEYS, ...vars }, headers: { authorization: 'Bearer key-a', ...headers } }
}

/** Base of `ws_url`, and of the API in the description. */
async function addresses(options: CallOptions): Promise<{ socket: string; api: string }> {
  const { status, body } = await callEdge('/v1/streaming.new', call({ ...options, body: {} }))
  expect(status).toBe(200)
  const { body: description } = await callEdge('/openapi.json', call(options))
  const [server] = description.servers as [Json]
  return { socket: String(body.ws_url).replace(`/${String(body.session_id)}`, ''), api: String(server.url) }
}

describe('the address as it was called', () => {
  it.each([
    ['this machine', 'http://localhost:8000', PORTS, 'ws://localhost:8001/ws'],
    ['its address in the network', 'http://192.168.1.7:8000', PORTS, 'ws://192.168.1.7:8001/ws'],
    ['IPv6', 'http://[fd00::7]:8000', PORTS, 'ws://[fd00::7]:8001/ws'],
    ['the port for sockets', 'http://localhost:8001', PORTS, 'ws://localhost:8001/ws'],
    ['a mapped port', 'http://localhost:9000', PORTS, 'ws://localhost:9000/ws'],
    ['port 80', 'http://avatar.example', { PORT: '80', SOCKET_PORT: '8001' }, 'ws://avatar.example:8001/ws'],
    ['a proxy that says nothing', 'http://avatar.example', PORTS, 'ws://avatar.example/ws'],
    ['no port for sockets', 'http://localhost:8000', {}, 'ws://localhost:8000/ws'],
    ['a deployment', 'https://api.example.com', { DEPLOYMENT: 'cloudflare' }, 'wss://api.example.com/ws'],
    ['WS_URL', 'https://api.example.com', { WS_URL: 'wss://ws.example.com/ws/' }, 'wss://ws.example.com/ws'],
    ['WS_URL with ports', 'http://localhost:8000', { ...PORTS, WS_URL: 'ws://a.example/s' }, 'ws://a.example/s'],
  ])('%s', async (_what, base, vars, socket) => {
    expect(await addresses({ base, vars: vars as Record<string, string> })).toEqual({ socket, api: base })
  })
})

describe('PUBLIC_URL', () => {
  it.each([
    ['https://example.com/avatar/', {}, 'wss://example.com/avatar/ws', 'https://example.com/avatar'],
    ['http://10.0.0.4:8000', PORTS, 'ws://10.0.0.4:8000/ws', 'http://10.0.0.4:8000'],
    ['https://example.com', { WS_URL: 'wss://ws.example.com' }, 'wss://ws.example.com', 'https://example.com'],
    ['https://example.com', { TRUSTED_PROXY: '1' }, 'wss://example.com/ws', 'https://example.com'],
  ])('%s with %o', async (PUBLIC_URL, vars, socket, api) => {
    const headers = { 'x-forwarded-host': 'other.example', 'x-forwarded-prefix': '/other' }
    expect(await addresses({ vars: { PUBLIC_URL, ...(vars as Record<string, string>) }, headers })).toEqual({ socket, api })
  })
})

describe('a trusted proxy', () => {
  const LOCAL = { socket: 'ws://localhost:8001/ws', api: 'http://localhost:8000' }

  it.each([
    ['scheme, the host passed on', { 'x-forwarded-proto': 'https' }, 'https://localhost:8000'],
    ['scheme and host', { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'a.example' }, 'https://a.example'],
    ['a port in the host', { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'a.example:8443' }, 'https://a.example:8443'],
    [
      'a port of its own',
      { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'a.example', 'x-forwarded-port': '8443' },
      'https://a.example:8443',
    ],
    [
      'the default port',
      { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'a.example:443', 'x-forwarded-port': '443' },
      'https://a.example',
    ],
    [
      "an inner proxy's port",
      { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'a.example', 'x-forwarded-port': '80' },
      'https://a.example',
    ],
    ['a path', { 'x-forwarded-host': 'a.example', 'x-forwarded-prefix': '/avatar/' }, 'http://a.example/avatar'],
    ['a path alone', { 'x-forwarded-prefix': '/avatar' }, 'http://localhost:8000/avatar'],
    ['wss, as Traefik says it for sockets', { 'x-forwarded-proto': 'wss', 'x-forwarded-host': 'a.example' }, 'https://a.example'],
    ['the standard header', { forwarded: 'for=192.0.2.60;proto=https;host="a.example:8443"' }, 'https://a.example:8443'],
    [
      'what others wrote before it',
      { 'x-forwarded-proto': 'http, https', 'x-forwarded-host': 'evil.example, a.example' },
      'https://a.example',
    ],
    ['the same in the standard header', { forwarded: 'host="evil.example,x";proto=http, host=a.example;proto=https' }, 'https://a.example'],
    [
      'both: the older header',
      { forwarded: 'host=evil.example;proto=http', 'x-forwarded-host': 'a.example', 'x-forwarded-proto': 'https' },
      'https://a.example',
    ],
    ['IPv6', { 'x-forwarded-host': '[2001:db8::7]:8443', 'x-forwarded-proto': 'https' }, 'https://[2001:db8::7]:8443'],
  ])('says: %s', async (_what, headers, api) => {
    const socket = `${api.replace('http', 'ws')}/ws`
    expect(await addresses({ vars: PROXY, headers: headers as Record<string, string> })).toEqual({ socket, api })
    expect(await addresses({ vars: PORTS, headers: headers as Record<string, string> })).toEqual(LOCAL)
  })

  it.each([
    ['user', { 'x-forwarded-host': 'localhost@evil.example' }],
    ['path', { 'x-forwarded-host': 'evil.example/x' }],
    ['port that there is not', { 'x-forwarded-port': '99999' }],
    ['scheme', { 'x-forwarded-proto': 'javascript' }],
    ['prefix with another host', { 'x-forwarded-prefix': '//evil.example/' }],
    ['prefix with dots', { 'x-forwarded-prefix': '/a/../b' }],
    ['prefix with a query', { 'x-forwarded-prefix': '/a?b' }],
    ['prefix with markup', { 'x-forwarded-prefix': '/<script>' }],
    ['empty values', { 'x-forwarded-host': '', forwarded: '' }],
  ])('is not believed a wrong %s', async (_what, headers) => {
    expect(await addresses({ vars: PROXY, headers: headers as Record<string, string> })).toEqual(LOCAL)
  })

  it('may stand behind another: so many values from the right count', async () => {
    const headers = { 'x-forwarded-host': 'evil.example, a.example, inner', 'x-forwarded-proto': 'https', 'x-forwarded-prefix': '/a' }
    const { api } = await addresses({ vars: { TRUSTED_PROXY: '2' }, headers })
    expect(api).toBe('https://a.example/a')
  })
})

describe('a viewer', () => {
  it.each([
    ['plain', {}, {}, ''],
    ['PUBLIC_URL', { PUBLIC_URL: 'https://example.com/avatar' }, {}, '/avatar'],
    ['a trusted proxy', { TRUSTED_PROXY: '1' }, { 'x-forwarded-prefix': '/avatar' }, '/avatar'],
    ['anybody', {}, { 'x-forwarded-prefix': '/avatar' }, ''],
  ])('is found below the path of the host: %s', async (_what, vars, headers, prefix) => {
    await reset()
    const origin = await FakeOrigin.start()
    origin.respond = (_call, { peer }, id) => peer.send({ type: 'response', id, result: { viewer_id: 'viewer_1', sdp: 'v=0\r\n' } })
    const { body } = await callEdge('/v1/streaming.new', call({ body: {} }))
    const path = `/v1/whep/${String(body.session_id)}`
    const sdp = { 'content-type': 'application/sdp', ...(headers as Record<string, string>) }
    const response = await fetchEdge(path, call({ body: 'v=0\r\n', headers: sdp, vars: vars as Record<string, string> }))
    expect(response.status).toBe(201)
    expect(response.headers.get('location')).toBe(`${prefix}${path}/viewer_1`)
  })
})

describe('variables', () => {
  const base = { AUTH_MODE: 'open', DEPLOYMENT: 'local', TOKEN_SECRET: 'x'.repeat(32), ORIGIN_KEY: 'y'.repeat(16) }

  it.each([
    ['PUBLIC_URL', 'ws://example.com'],
    ['PUBLIC_URL', 'https://example.com/?a=b'],
    ['PUBLIC_URL', 'example.com'],
    ['TRUSTED_PROXY', 'yes'],
    ['TRUSTED_PROXY', '-1'],
    ['SOCKET_PORT', '70000'],
    ['PORT', 'x'],
    ['ALLOWED_HOSTS', 'http://box.lan'],
    ['ALLOWED_HOSTS', 'box.lan:8000'],
    ['ALLOWED_HOSTS', 'a.example, b/c'],
  ])('%s=%s is refused by name', (name, value) => {
    expect(() => parseConfig({ ...base, [name]: value })).toThrow(new RegExp(`^${name}: `))
  })

  it('hosts are brought into one form', () => {
    const hosts = parseConfig({
      ...base,
      ALLOWED_HOSTS: 'Box.LAN., 10.0.0.4, fd00::7, [FD00:0::8], *.Example.com, .example.org, *',
    }).ALLOWED_HOSTS
    expect(hosts).toEqual(['box.lan', '10.0.0.4', '[fd00::7]', '[fd00::8]', '.example.com', '.example.org', '*'])
  })
})
