import { reset } from 'cloudflare:test'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { SlidingWindow } from '../../worker/session/sliding-window.ts'
import { callEdge, errorOf, openClient } from './support/edge.ts'
import { FakeOrigin } from './support/fake-origin.ts'
import { jump, newSession, newSessionOn } from './support/sessions.ts'

let origin: FakeOrigin
beforeEach(async () => {
  origin = await FakeOrigin.start({ load: { capacity: 100 } })
})
afterEach(async () => {
  vi.useRealTimers()
  await reset()
})

/** The statuses of `count` calls made one after another. */
async function statuses(count: number, call: () => Promise<{ status: number }>): Promise<number[]> {
  const seen: number[] = []
  for (let i = 0; i < count; i++) seen.push((await call()).status)
  return seen
}

describe('limits per minute', () => {
  const documented = { RATE_LIMIT_SESSIONS: '10' }

  it('lets 10 sessions a minute through and refuses the 11th, exactly', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const create = () => callEdge('/v1/streaming.new', { body: {}, vars: documented })
    const first = await create()
    expect(first.headers.get('ratelimit-limit')).toBe('10')
    expect(first.headers.get('ratelimit-remaining')).toBe('9')
    expect(await statuses(9, create)).toEqual(Array(9).fill(200))
    const refused = await create()
    expect(refused.status).toBe(429)
    expect(errorOf(refused.body)).toMatchObject({ code: 'RATE_LIMITED', details: { limit: 10, window_s: 60 } })
    expect(refused.headers.get('ratelimit-remaining')).toBe('0')
    const wait = Number(refused.headers.get('retry-after'))
    expect(wait).toBe(60)
    jump(wait)
    expect((await create()).status).toBe(200)
  })

  it('lets 30 speaks a minute through', async () => {
    const { sessionId } = await newSession()
    vi.useFakeTimers({ toFake: ['Date'] })
    const speak = () => callEdge('/v1/avatar.speak', { body: { session_id: sessionId, text: 'Hi' } })
    const seen = await statuses(31, speak)
    expect(seen).toEqual([...Array(30).fill(200), 429])
  })

  it('lets 60 chats a minute through', async () => {
    const { sessionId } = await newSession()
    vi.useFakeTimers({ toFake: ['Date'] })
    const chat = () => callEdge('/v1/chat.completions', { body: { session_id: sessionId, messages: [{ role: 'user', content: 'Hi' }] } })
    const seen = await statuses(61, chat)
    expect(seen).toEqual([...Array(60).fill(200), 429])
  })
})

describe('limit per socket', () => {
  it('acts on 100 messages a second, tells the refusal, and goes on in the next second', async () => {
    const { sessionId, session } = await newSessionOn(origin)
    const { client } = await openClient(sessionId)
    vi.useFakeTimers({ toFake: ['Date'] })
    for (let i = 0; i < 101; i++) client.send({ type: 'interrupt' })
    expect(await client.next('error')).toMatchObject({ code: 'RATE_LIMITED', details: { limit: 100, window_s: 1 } })
    jump(1)
    client.send({ type: 'stop_listening' })
    await session.peer.take('the message of the next second', (message) =>
      String(message).includes('stop_listening') ? message : undefined,
    )
    expect(session.peer.waiting('client_event')).toHaveLength(100)
    expect(client.closed).toBeUndefined()
  })

  it('slides: room is made one by one, and a refusal is told once a second', () => {
    const limit = new SlidingWindow(3)
    expect([0, 400, 800, 900, 999].map((now) => limit.take(now))).toEqual([true, true, true, false, false])
    expect([900, 999, 1899, 1900].map((now) => limit.mayReport(now))).toEqual([true, false, false, true])
    expect([1000, 1001, 1400, 1799, 1800].map((now) => limit.take(now))).toEqual([true, false, true, false, true])
  })
})
