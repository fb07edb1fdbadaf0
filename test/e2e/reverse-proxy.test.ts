/** The whole system behind a reverse proxy with TLS and a path, and called directly: every address that is answered leads back to it. */
import { request } from 'node:http'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import type { Browser } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { AvatarClient } from '../../sdk/typescript/src/index.ts'
import { closeAll, launchChromium, type Visit, visit } from '../support/browser/browser.ts'
import { ApiClient } from '../support/clients/api-client.ts'
import { SocketClient } from '../support/clients/socket-client.ts'
import { type ReverseProxy, startReverseProxy } from '../support/servers/reverse-proxy.ts'
import { type RunningSystem, startSystem } from '../support/servers/running-system.ts'

let system: RunningSystem
let proxy: ReverseProxy
const trusted = getCACertificates('default')

beforeAll(async () => {
  system = await startSystem({ TRUSTED_PROXY: '1', RATE_LIMIT_SESSIONS: '1000', RATE_LIMIT_ADMIN: '1000' })
  proxy = await startReverseProxy(system.port, '/avatar')
  setDefaultCACertificates([...trusted, proxy.certificate])
})
afterAll(async () => {
  setDefaultCACertificates(trusted)
  await proxy?.close()
  await system?.stop()
})

interface Created {
  session_id: string
  ws_url: string
}

/** A call with headers that `fetch` leaves to nobody. */
async function callDirectly(path: string, headers: Record<string, string>, body?: string): Promise<{ status: number; body: string }> {
  return await new Promise((resolve, reject) => {
    const call = request({ port: system.port, path, method: body === undefined ? 'GET' : 'POST', headers })
    call.once('error', reject)
    call.once('upgrade', (_answer, socket) => {
      socket.destroy()
      resolve({ status: 101, body: '' })
    })
    call.once('response', (answer) => {
      let text = ''
      answer.on('data', (piece: Buffer) => (text += piece.toString()))
      answer.once('end', () => resolve({ status: answer.statusCode ?? 0, body: text }))
    })
    call.end(body)
  })
}

describe('behind a proxy', () => {
  it('a session is reached by its ws_url, and its description says where the API is', async () => {
    const api = new ApiClient({ apiUrl: proxy.url, wsUrl: '' })
    const { session_id, ws_url } = await api.expectOk<Created>('/v1/streaming.new', { quality: 'low' })
    expect(ws_url).toBe(`${proxy.url.replace('https', 'wss')}/ws/${session_id}`)
    const socket = await SocketClient.open(ws_url)
    await socket.next('frame')
    socket.close()
    await api.stop(session_id)
    const { servers } = await api.expectOk<{ servers: unknown }>('/openapi.json')
    expect(servers).toEqual([{ url: proxy.url }])
  })

  it('the SDK needs one address', async () => {
    const client = new AvatarClient({ apiUrl: `${proxy.url}/v1` })
    expect((await client.health()).origins).toBe(1)
    const session = await client.createSession({ quality: 'low' })
    const frame = new Promise<unknown>((resolve) => session.once('frame', resolve))
    await session.connect()
    expect(await frame).toMatch(/^\/9j\//)
    await session.disconnect()
  })

  describe('the pages', () => {
    let browser: Browser

    beforeAll(async () => {
      browser = await launchChromium()
    })
    afterAll(() => browser?.close())
    afterEach(() => closeAll(browser))

    const open = (path: string): Promise<Visit> => visit(browser, `${proxy.url}${path}`, { ignoreHTTPSErrors: true })

    it('she appears, answers, and can be shared', async () => {
      const { page, faults } = await open('/')
      await page.locator('body[data-phase="live"][data-seen]').waitFor()
      await page.locator('#field').fill('hello')
      await page.locator('#field').press('Enter')
      await page.locator('body[data-status="speaking"]').waitFor()
      expect(await page.locator('#share-link').inputValue()).toMatch(new RegExp(`^${proxy.url}/#token=`))
      expect(await page.locator('.brand').evaluate((link: HTMLAnchorElement) => link.href)).toBe(`${proxy.url}/`)
      expect(faults).toEqual([])
    })

    it('operators see the render host', async () => {
      const { page, faults } = await open('/admin')
      await page.locator('#origins .origin').waitFor()
      expect(faults).toEqual([])
    })

    it('the documentation calls, connects, and shows the guides', async () => {
      const { page, faults } = await open('/docs')
      const creates = page.locator('section[id="post/v1/streaming.new"]')
      await creates.getByRole('button', { name: 'Try it' }).click()
      await creates.locator('pre').filter({ hasText: '"ws_url"' }).waitFor()
      await page.locator('#connect').click()
      await page.locator('#log').filter({ hasText: 'session_state' }).waitFor()
      await page.evaluate(() => (location.hash = '#page=guides/deploy.md'))
      await page.locator('#page h1').filter({ hasText: 'Deploy' }).waitFor()
      expect(faults).toEqual([])
    })

    it('a viewer is found again where Location says', async () => {
      const api = new ApiClient({ apiUrl: proxy.url, wsUrl: '' })
      const { session_id } = await api.expectOk<Created>('/v1/streaming.new', { quality: 'low' })
      const { page } = await open('/docs')
      const seen = await page.evaluate(async (endpoint) => {
        const pc = new RTCPeerConnection()
        pc.addTransceiver('video', { direction: 'recvonly' })
        await pc.setLocalDescription(await pc.createOffer())
        const offer = { method: 'POST', headers: { 'content-type': 'application/sdp' }, body: pc.localDescription?.sdp ?? '' }
        const watched = await fetch(endpoint, offer)
        const location = watched.headers.get('location') ?? ''
        const statuses = []
        for (let i = 0; i < 2; i++) statuses.push((await fetch(new URL(location, watched.url), { method: 'DELETE' })).status)
        pc.close()
        return { status: watched.status, location, statuses }
      }, `${proxy.url}/v1/whep/${session_id}`)
      expect(seen).toEqual({
        status: 201,
        location: expect.stringMatching(new RegExp(`^/avatar/v1/whep/${session_id}/`)),
        statuses: [200, 404],
      })
      await api.stop(session_id)
    })
  })
})

describe('called directly', () => {
  it.each(['localhost', '127.0.0.1', 'her.localhost'])('as %s, the socket has that name, and takes connections', async (name) => {
    const { status, body } = await callDirectly('/v1/streaming.new', { host: `${name}:${system.port}` }, '{"quality": "low"}')
    expect(status).toBe(200)
    const { session_id, ws_url } = JSON.parse(body) as Created
    expect(ws_url).toBe(`ws://${name}:${system.socketPort}/ws/${session_id}`)
    // the API's own port takes sockets too
    for (const port of [system.port, system.socketPort]) {
      const socket = await SocketClient.open(`ws://127.0.0.1:${port}/ws/${session_id}`)
      await socket.next('frame')
      socket.close()
    }
    await new ApiClient(system).stop(session_id)
  })

  it('strangers get nothing, whatever they ask for', async () => {
    const host = `localhost:${system.port}`
    const upgrade = {
      connection: 'upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
    }
    const { session_id, ws_url } = await new ApiClient(system).expectOk<Created>('/v1/streaming.new', { quality: 'low' })
    const socket = new URL(ws_url).pathname
    expect((await callDirectly(socket, { host, ...upgrade })).status).toBe(101)
    for (const stranger of [{ host: 'evil.example' }, { host, origin: 'https://evil.example' }, { host, origin: 'null' }]) {
      expect((await callDirectly('/v1/admin/overview', stranger)).status).toBe(403)
      expect((await callDirectly('/v1/streaming.stop', stranger, JSON.stringify({ session_id }))).status).toBe(403)
      expect((await callDirectly(socket, { ...stranger, ...upgrade })).status).toBe(403)
    }
    // the development server would take this for the host that was called
    const disguised = { host: 'evil.example', 'mf-original-url': `http://${host}/v1/admin/overview` }
    expect((await callDirectly('/v1/admin/overview', disguised)).status).toBe(400)
    expect(await new ApiClient(system).sessionIds()).toContain(session_id)
    await new ApiClient(system).stop(session_id)
  })
})
