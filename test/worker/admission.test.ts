/** Open mode asks for no key, so it answers this machine only: by the host that is called and the page that calls. */
import { reset } from 'cloudflare:test'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ErrorBody } from '../../shared/api.ts'
import { type CallOptions, callEdge, errorOf, fetchEdge } from './support/edge.ts'
import { FakeOrigin, originAuth } from './support/fake-origin.ts'
import { sha256 } from './support/keys.ts'
import { newSession } from './support/sessions.ts'

const UNKNOWN = '550e8400-e29b-41d4-a716-446655440000'
const PREFLIGHT = { 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type' }

beforeEach(() => FakeOrigin.start())
afterEach(() => reset())

interface Operation {
  method: string
  path: string
  options: CallOptions
}

/** Everything that the description names, and what it does not name. */
async function everything(): Promise<Operation[]> {
  const { body } = await callEdge('/openapi.json')
  const described = Object.entries(body.paths as Record<string, object>).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => ({
      method: method.toUpperCase(),
      path: path.replace('{session_id}', UNKNOWN).replace('{viewer_id}', 'v'),
    })),
  )
  expect(described.length).toBeGreaterThan(20)
  const others = ['/docs', '/', '/v1/nothing', '/%2e%2e/v1/admin/overview'].map((path) => ({ method: 'GET', path }))
  return [...described, ...others].map(({ method, path }) => {
    const upgrade = path.startsWith('/ws/') ? { headers: { upgrade: 'websocket' } } : {}
    return { method, path, options: { ...upgrade, method, ...(['POST', 'PATCH'].includes(method) ? { body: '{}' } : {}) } }
  })
}

/** Calls everything so; what was not refused with this code, or let a page read the refusal. */
async function notRefused(code: string, { headers = {}, ...more }: CallOptions): Promise<string[]> {
  const through: string[] = []
  for (const { method, path, options } of await everything()) {
    for (const asked of [options, { method: 'OPTIONS', headers: PREFLIGHT }]) {
      const answer = await callEdge(path, { ...asked, ...more, headers: { ...asked.headers, ...headers } })
      const refused = answer.status === 403 && ErrorBody.parse(answer.body).error.code === code
      if (!refused || answer.headers.has('access-control-allow-origin'))
        through.push(`${asked.method} (${method}) ${path}: ${answer.status}`)
    }
  }
  return through
}

/** One call that any page would like to make. `vars` give it to the Worker as it is: between two Workers an empty header gets lost. */
function overview(options: CallOptions): Promise<Response> {
  return fetchEdge('/v1/admin/overview', { vars: {}, ...options })
}

describe('a stranger is refused at every address', () => {
  it('under another name (DNS rebinding)', async () => {
    expect(await notRefused('HOST_NOT_ALLOWED', { base: 'http://evil.example:8000' })).toEqual([])
    expect(
      await notRefused('HOST_NOT_ALLOWED', { base: 'http://evil.example:8000', headers: { origin: 'http://evil.example:8000' } }),
    ).toEqual([])
  })

  it('from a page of elsewhere, and from one that has no origin', async () => {
    expect(await notRefused('ORIGIN_NOT_ALLOWED', { headers: { origin: 'https://evil.example' } })).toEqual([])
    expect(await notRefused('ORIGIN_NOT_ALLOWED', { headers: { origin: 'null' } })).toEqual([])
  })

  it('in a session that stands: nothing is said, no socket opens', async () => {
    const { sessionId, token } = await newSession()
    const stranger = { origin: 'https://evil.example', authorization: `Bearer ${token}` }
    const speak = await callEdge('/v1/avatar.speak', { body: { session_id: sessionId, text: 'Hi' }, headers: stranger })
    expect(errorOf(speak.body).code).toBe('ORIGIN_NOT_ALLOWED')
    const socket = await fetchEdge(`/ws/${sessionId}?token=${token}`, { headers: { ...stranger, upgrade: 'websocket' } })
    expect([socket.status, socket.webSocket]).toEqual([403, null])
    // as a form of another page sends it, without asking first
    const form = await fetchEdge('/v1/streaming.stop', {
      body: JSON.stringify({ session_id: sessionId }),
      headers: { origin: 'null', 'content-type': 'text/plain' },
    })
    expect(form.status).toBe(403)
    expect((await callEdge('/v1/streaming.sessions')).body.total).toBe(1)
  })

  it('and told what to set', async () => {
    const host = await callEdge('/health', { base: 'http://Evil.Example:8000' })
    expect(errorOf(host.body)).toMatchObject({ message: expect.stringContaining('ALLOWED_HOSTS'), details: { host: 'evil.example' } })
    const page = await callEdge('/health', { headers: { origin: 'https://evil.example' } })
    expect(errorOf(page.body)).toMatchObject({
      message: expect.stringContaining('ALLOWED_ORIGINS'),
      details: { origin: 'https://evil.example' },
    })
  })
})

describe('the host', () => {
  it.each([
    'http://localhost:8000',
    'http://localhost',
    'http://localhost.:8000',
    'http://LOCALHOST:8000',
    'http://app.localhost:3000',
    'http://127.0.0.1:8000',
    'http://127.8.9.10',
    'http://[::1]:8000',
    'http://[0:0:0:0:0:0:0:1]:8000',
  ])('%s is this machine', async (base) => {
    expect((await overview({ base })).status).toBe(200)
    expect((await overview({ base: 'http://localhost', headers: { host: base.slice('http://'.length) } })).status).toBe(200)
  })

  it.each([
    'evil.example',
    'localhost.evil.example',
    'evil-localhost',
    'notlocalhost',
    '127.0.0.1.nip.io',
    '128.0.0.1',
    '192.168.1.7:8000',
    '0.0.0.0:8000',
    '[fd00::7]',
    '[::2]',
    '[::ffff:192.168.1.7]',
  ])('%s is not', async (host) => {
    expect((await overview({ base: `http://${host}` })).status).toBe(403)
    expect((await overview({ headers: { host } })).status).toBe(403)
  })

  it.each([
    '',
    ' ',
    'localhost@evil.example',
    'evil.example@localhost',
    'evil.example#localhost',
    'localhost/evil',
    'localhost\\evil',
    'localhost, evil.example',
    'localhost:8000:1',
    'localhost:99999',
    'localhost%2eevil.example',
    '[::1',
    '[::1%25lo]',
    '..',
  ])('"%s" is none', async (host) => {
    expect((await overview({ headers: { host } })).status).toBe(403)
  })

  it.each([
    ['box.lan, 10.0.0.4', ['box.lan', 'BOX.lan.:8000', '10.0.0.4'], ['www.box.lan', '10.0.0.5']],
    ['.example.com', ['a.example.com', 'a.b.example.com:8000'], ['example.com', 'badexample.com']],
    ['fd00::7', ['[fd00::7]:8000'], ['[fd00::8]']],
    ['*', ['evil.example', '10.0.0.4'], []],
  ])('is one of this machine with ALLOWED_HOSTS=%s', async (ALLOWED_HOSTS, ours, others) => {
    const status = async (host: string) => (await overview({ base: `http://${host}`, headers: { host }, vars: { ALLOWED_HOSTS } })).status
    expect(await Promise.all(ours.map(status))).toEqual(ours.map(() => 200))
    expect(await Promise.all(others.map(status))).toEqual(others.map(() => 403))
  })

  it('of PUBLIC_URL is ours, and so are its pages', async () => {
    const vars = { PUBLIC_URL: 'https://avatar.lan/her' }
    expect((await overview({ base: 'http://avatar.lan', vars })).status).toBe(200)
    expect((await overview({ vars, headers: { origin: 'https://avatar.lan' } })).status).toBe(200)
    expect((await overview({ base: 'http://other.lan', vars })).status).toBe(403)
  })

  it('that a trusted proxy names must be ours too; of others it changes nothing', async () => {
    const forwarded = { 'x-forwarded-host': 'avatar.lan' }
    const vars = { TRUSTED_PROXY: '1' }
    expect((await overview({ vars, headers: forwarded })).status).toBe(403)
    expect((await overview({ vars: { ...vars, ALLOWED_HOSTS: 'avatar.lan' }, headers: forwarded })).status).toBe(200)
    expect(
      (await overview({ vars: { ...vars, ALLOWED_HOSTS: 'avatar.lan' }, headers: { ...forwarded, origin: 'https://avatar.lan' } })).status,
    ).toBe(200)
    // past the proxy, with its header
    const past = { 'x-forwarded-host': 'localhost' }
    expect((await overview({ base: 'http://evil.example', vars, headers: past })).status).toBe(403)
    expect((await overview({ base: 'http://evil.example', headers: past })).status).toBe(403)
    expect((await overview({ headers: forwarded })).status).toBe(200)
  })
})

describe('a page', () => {
  it.each(['http://localhost:5173', 'https://localhost', 'http://127.0.0.1:8000', 'http://[::1]:3000', 'http://app.localhost'])(
    'of %s may call and read the answer',
    async (origin) => {
      const answer = await overview({ headers: { origin, 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'cors' } })
      expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([200, origin])
      expect(answer.headers.get('vary')).toContain('origin')
      const asked = await fetchEdge('/v1/streaming.new', { method: 'OPTIONS', headers: { ...PREFLIGHT, origin } })
      expect([asked.status, asked.headers.get('access-control-allow-origin')]).toEqual([204, origin])
      const { sessionId } = await newSession({}, { headers: { origin } })
      const socket = await fetchEdge(`/ws/${sessionId}`, { headers: { origin, upgrade: 'websocket' } })
      expect(socket.status).toBe(101)
      socket.webSocket?.accept()
    },
  )

  it.each([
    'https://evil.example',
    'http://localhost.evil.example',
    'http://127.0.0.1.nip.io',
    'http://localhost@evil.example',
    'http://evil.example#localhost',
    'http://localhost/evil',
    'http://localhost, http://evil.example',
    'http://192.168.1.7:8000',
    'file://',
    'chrome-extension://localhost',
    'localhost',
    'null',
    '*',
    '',
  ])('of "%s" may not', async (origin) => {
    const answer = await overview({ headers: { origin } })
    expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([403, null])
  })

  it('that is listed may; `*` lists nobody here', async () => {
    const vars = { ALLOWED_ORIGINS: 'https://app.example, *' }
    expect((await overview({ vars, headers: { origin: 'https://app.example' } })).headers.get('access-control-allow-origin')).toBe(
      'https://app.example',
    )
    expect((await overview({ vars, headers: { origin: 'https://evil.example' } })).status).toBe(403)
    expect((await overview({ vars, headers: { origin: 'http://localhost:5173' } })).status).toBe(200)
  })

  it('of the host that is called may, of another port there not', async () => {
    const called = { base: 'http://box.lan:8000', vars: { ALLOWED_HOSTS: '*' } }
    expect((await overview({ ...called, headers: { origin: 'http://box.lan:8000' } })).status).toBe(200)
    expect((await overview({ ...called, headers: { origin: 'http://box.lan:3000' } })).status).toBe(403)
    expect((await overview({ ...called, headers: { origin: 'https://evil.example' } })).status).toBe(403)
  })

  it('of elsewhere may link here, and not draw us in as a picture or a script', async () => {
    const site = { 'sec-fetch-site': 'cross-site' }
    expect((await fetchEdge('/docs', { headers: { ...site, 'sec-fetch-mode': 'navigate' } })).status).toBe(200)
    expect((await fetchEdge('/metrics', { headers: { ...site, 'sec-fetch-mode': 'no-cors' } })).status).toBe(403)
    expect((await fetchEdge('/metrics', { headers: { 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'cors' } })).status).toBe(200)
  })

  it('is named in no answer to a call without one', async () => {
    expect((await overview({})).headers.get('access-control-allow-origin')).toBeNull()
  })
})

describe('what has a key', () => {
  it('an origin dials in from anywhere with the right one', async () => {
    const dial = (headers: Record<string, string>) =>
      fetchEdge('/link/control', { base: 'http://gpu.example:8000', headers: { upgrade: 'websocket', ...headers } })
    const socket = await dial(originAuth())
    expect(socket.status).toBe(101)
    socket.webSocket?.accept()
    expect((await dial({ authorization: 'Bearer wrong' })).status).toBe(401)
  })

  it('callers in keys mode come from anywhere', async () => {
    const vars = { AUTH_MODE: 'keys', API_KEYS: `acme:${await sha256('key-a')}` }
    const headers = { authorization: 'Bearer key-a', origin: 'https://app.example', 'sec-fetch-site': 'cross-site' }
    const answer = await fetchEdge('/v1/streaming.sessions', { base: 'https://api.example.com', vars, headers })
    expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([200, '*'])
  })
})
