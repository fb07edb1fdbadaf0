/** Sessions on a fake origin, and clocks that jump. */
import { evictDurableObject, runDurableObjectAlarm } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { expect, vi } from 'vitest'
import { type CallOptions, callEdge } from './edge.ts'
import type { FakeOrigin, FakeSession } from './fake-origin.ts'
import type { Json } from './peer.ts'

export async function newSession(body: Json = {}, options: CallOptions = {}): Promise<{ sessionId: string; token: string; body: Json }> {
  const answer = await callEdge('/v1/streaming.new', { ...options, body })
  expect(answer.status, JSON.stringify(answer.body)).toBe(200)
  return { sessionId: String(answer.body.session_id), token: String(answer.body.access_token), body: answer.body }
}

/** A new session and its end at the origin. */
export async function newSessionOn(origin: FakeOrigin, options: CallOptions = {}): Promise<{ sessionId: string; session: FakeSession }> {
  const { sessionId } = await newSession({}, options)
  return { sessionId, session: origin.session(sessionId) }
}

function sessionObject(sessionId: string): DurableObjectStub {
  return env.SESSION.get(env.SESSION.idFromName(sessionId))
}

export function poolObject(): DurableObjectStub {
  return env.POOL.get(env.POOL.idFromName('pool'))
}

export function evictSession(sessionId: string): Promise<void> {
  return evictDurableObject(sessionObject(sessionId))
}

/** Moves the clock that the Worker reads; timers and alarms do not move. */
export function jump(seconds: number): void {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + seconds * 1000 })
}

/** Moves the clock and rings the session's alarm. */
export async function jumpSession(sessionId: string, seconds: number): Promise<void> {
  jump(seconds)
  await runDurableObjectAlarm(sessionObject(sessionId))
}

export async function listedIds(options: CallOptions = {}): Promise<string[]> {
  const { body } = await callEdge('/v1/streaming.sessions', options)
  return (body.sessions as { session_id: string }[]).map(({ session_id }) => session_id)
}
