import { evictDurableObject, reset } from 'cloudflare:test'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { AdminHistory, AdminOverview } from '../../shared/admin.ts'
import type { OriginLoad, SessionReport } from '../../shared/link.ts'
import { medianBetween } from '../../worker/metrics/histograms.ts'
import { type CallOptions, callEdge, errorOf, openClient } from './support/edge.ts'
import { FakeOrigin, LOAD, NO_STEPS, sessionReport } from './support/fake-origin.ts'
import { sha256 } from './support/keys.ts'
import { jump, newSession, newSessionOn, poolObject } from './support/sessions.ts'

afterEach(async () => {
  vi.useRealTimers()
  await reset()
})

const paths: [string, unknown][] = [
  ['/v1/admin/overview', undefined],
  ['/v1/admin/history', undefined],
  ['/v1/admin/sessions/stop', { session_id: '550e8400-e29b-41d4-a716-446655440000' }],
  ['/v1/admin/origins/drain', { origin_id: 'nobody' }],
]

async function overview(options: CallOptions = {}): Promise<AdminOverview> {
  return AdminOverview.parse((await callEdge('/v1/admin/overview', options)).body)
}

/** A heartbeat; the pool has read it when its load is what the overview shows. */
async function beat(origin: FakeOrigin, load: Partial<OriginLoad>, sessions?: SessionReport[]): Promise<void> {
  origin.control.send({ type: 'heartbeat', load: { ...LOAD, ...load }, ...(sessions === undefined ? {} : { sessions }) })
  await expect.poll(async () => (await overview()).origins[0]?.load).toMatchObject(load)
}

describe('admin keys', () => {
  it('are asked for everywhere; an API key or a session token is none', async () => {
    await FakeOrigin.start()
    const vars = {
      AUTH_MODE: 'keys',
      DEPLOYMENT: 'cloudflare',
      API_KEYS: `acme:${await sha256('key-a')}`,
      ADMIN_KEYS: `ops:${await sha256('key-o')},night:${await sha256('key-n')}`,
    }
    const { token } = await newSession({}, { vars, headers: { authorization: 'Bearer key-a' } })
    for (const [path, body] of paths) {
      for (const given of [undefined, 'Bearer key-a', `Bearer ${token}`, 'Bearer wrong', 'Basic key-o']) {
        const { status, body: refused } = await callEdge(path, {
          vars,
          body,
          headers: given === undefined ? {} : { authorization: given },
        })
        expect(status, `${path} with ${given}`).toBe(401)
        expect(errorOf(refused).code).toBe('UNAUTHORIZED')
      }
      for (const key of ['key-o', 'key-n']) {
        const { status } = await callEdge(path, { vars, body, headers: { authorization: `Bearer ${key}` } })
        expect(status, path).toBe(body === undefined ? 200 : 404)
      }
    }
    const asTenant = await callEdge('/v1/streaming.sessions', { vars, headers: { authorization: 'Bearer key-o' } })
    expect(asTenant.status).toBe(401)
  })

  it('open nothing to anybody where none is set and keys are asked for', async () => {
    const vars = { AUTH_MODE: 'keys', DEPLOYMENT: 'cloudflare', API_KEYS: `acme:${await sha256('key-a')}`, ADMIN_KEYS: '' }
    const { status, body } = await callEdge('/v1/admin/overview', { vars, headers: { authorization: 'Bearer key-a' } })
    expect(status).toBe(401)
    expect(errorOf(body).message).toContain('ADMIN_KEYS')
  })

  it('are asked for in open mode too where they are set', async () => {
    const vars = { ADMIN_KEYS: `ops:${await sha256('key-o')}` }
    expect((await callEdge('/v1/admin/overview', { vars })).status).toBe(401)
    expect((await callEdge('/v1/admin/overview', { vars, headers: { authorization: 'Bearer key-o' } })).status).toBe(200)
  })

  it('may call so often and no oftener', async () => {
    const vars = { RATE_LIMIT_ADMIN: '2' }
    const call = async () => (await callEdge('/v1/admin/history', { vars })).status
    expect([await call(), await call(), await call()]).toEqual([200, 200, 429])
  })
})

describe('overview', () => {
  it('shows origins, and the sessions of all tenants with what their origins say of them', async () => {
    const origin = await FakeOrigin.start({ device: 'cuda', load: { capacity: 5 } })
    const vars = { AUTH_MODE: 'keys', API_KEYS: `acme:${await sha256('key-a')},globex:${await sha256('key-g')}` }
    const acme = await newSession({ quality: 'high' }, { vars, headers: { authorization: 'Bearer key-a' } })
    const globex = await newSession({}, { vars, headers: { authorization: 'Bearer key-g' } })
    expect((await overview()).sessions.map(({ state }) => state)).toEqual([null, null])
    const report = sessionReport(acme.sessionId, { state: 'speaking', last_turn: { ...NO_STEPS, first_sound: 120 } })
    await beat(origin, { speaking: 1, sessions: 2 }, [report])
    const seen = await overview()
    expect(seen.origins).toMatchObject([
      { origin_id: 'origin-1', device: 'cuda', avatars: ['avatar_1'], draining: false, sessions: 2, load: { speaking: 1 } },
    ])
    expect(seen.origins[0]?.uptime).toBeGreaterThanOrEqual(5)
    expect(new Map(seen.sessions.map(({ session_id, tenant }) => [session_id, tenant]))).toEqual(
      new Map([
        [globex.sessionId, 'globex'],
        [acme.sessionId, 'acme'],
      ]),
    )
    const mine = seen.sessions.find(({ tenant }) => tenant === 'acme')
    expect(mine).toMatchObject({ quality: 'high', avatar_id: 'avatar_1', origin_id: 'origin-1', state: 'speaking', sockets: 0 })
    expect(mine).toMatchObject({ stats: { transport: 'webrtc' }, last_turn: { first_sound: 120 } })
    expect(seen.totals).toMatchObject({ origins: 1, sessions: 2, speaking: 1, sessions_created: 2 })
    expect(JSON.stringify(seen)).not.toContain('key-')
  })

  it('is empty without origins', async () => {
    expect(await overview()).toMatchObject({ origins: [], sessions: [], totals: { sessions: 0, capacity: 0 } })
  })
})

describe('history', () => {
  const first_sound = (counts: number[]) => ({ first_sound: { bounds: [100, 200], counts, sum: 1 } })
  const history = async () => AdminHistory.parse((await callEdge('/v1/admin/history')).body)

  it('has a point every ten seconds, of the last hour only, also after the pool slept', async () => {
    jump(0)
    const origin = await FakeOrigin.start()
    await newSessionOn(origin)
    await beat(origin, { cpu_usage: 20, turns: first_sound([1, 0, 0]) })
    await beat(origin, { cpu_usage: 21 })
    expect((await history()).points).toMatchObject([{ cpu_usage: 20, sessions: 1, origins: 1, latency_p50: null }])
    jump(10)
    await beat(origin, { cpu_usage: 30, rss_bytes: 7, turns: first_sound([1, 2, 0]) })
    expect((await history()).points).toMatchObject([{ cpu_usage: 20 }, { cpu_usage: 30, rss_bytes: 7, latency_p50: 150 }])
    await evictDurableObject(poolObject())
    expect((await history()).points).toHaveLength(2)
    jump(3_590)
    await beat(origin, { cpu_usage: 40 })
    expect((await history()).points.map(({ cpu_usage }) => cpu_usage)).toEqual([30, 40])
  })

  it('knows the median of what was counted in between', () => {
    const of = (counts: number[]) => ({ bounds: [100, 200], counts, sum: 0 })
    expect(medianBetween(of([5, 0, 0]), of([5, 4, 0]))).toBe(150)
    expect(medianBetween(of([0, 0, 0]), of([4, 0, 0]))).toBe(50)
    expect(medianBetween(of([0, 0, 0]), of([0, 0, 9]))).toBe(200)
    expect(medianBetween(of([5, 0, 0]), of([5, 0, 0]))).toBeNull()
    expect(medianBetween(of([5, 0, 0]), of([1, 2, 0])), 'the origin began anew').toBeNull()
    expect(medianBetween(undefined, of([1, 2, 0]))).toBeNull()
  })
})

describe('an operator', () => {
  it("ends anybody's session, and its clients hear why", async () => {
    const origin = await FakeOrigin.start()
    const { sessionId } = await newSessionOn(origin)
    const { client } = await openClient(sessionId)
    const { status, body } = await callEdge('/v1/admin/sessions/stop', { body: { session_id: sessionId } })
    expect(status).toBe(200)
    expect(body.status).toBe('stopped')
    expect(await client.next('session_ended')).toMatchObject({ reason: 'admin' })
    const again = await callEdge('/v1/admin/sessions/stop', { body: { session_id: sessionId } })
    expect(errorOf(again.body).code).toBe('SESSION_NOT_FOUND')
  })

  it('drains an origin and lets it take sessions again', async () => {
    const origin = await FakeOrigin.start()
    await newSessionOn(origin)
    const drain = (on: boolean) => callEdge('/v1/admin/origins/drain', { body: { origin_id: 'origin-1', on } })
    expect((await drain(true)).body).toEqual({ origin_id: 'origin-1', draining: true, sessions: 1 })
    expect(await origin.control.next('drain')).toMatchObject({ on: true })
    expect((await callEdge('/v1/streaming.new', { body: {} })).status).toBe(503)
    expect((await overview()).totals.capacity).toBe(0)
    expect((await drain(false)).body).toMatchObject({ draining: false })
    expect(await origin.control.next('drain')).toMatchObject({ on: false })
    expect((await callEdge('/v1/streaming.new', { body: {} })).status).toBe(200)
    const unknown = await callEdge('/v1/admin/origins/drain', { body: { origin_id: 'nobody' } })
    expect(errorOf(unknown.body).code).toBe('NOT_FOUND')
  })
})
