/** What a session's link says to the edge: marks of tasks come before the answers that name them, and events carry their header. */
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type WebSocket, WebSocketServer } from 'ws'
import { SessionLink } from '../../../origin/edge/session-link.ts'
import { Session } from '../../../origin/session/session.ts'
import { decodeRelay, type LinkCall, SessionUp } from '../../../shared/link.ts'
import { PROTOCOL_VERSION } from '../../../shared/version.ts'
import { createRig } from '../../support/fakes/session-fakes.ts'
import { createLogger } from '../../support/fakes/silent-log.ts'

const SESSION_ID = '550e8400-e29b-41d4-a716-446655440000'
const CONFIG = { session_id: SESSION_ID, avatar_id: 'avatar_1', voice_id: null, quality: 'low' as const, created_at: 0, ice_servers: [] }

let edge: WebSocketServer
let link: SessionLink
let session: Session
let socket: WebSocket
/** In order: link messages as they are, of events the type and the header. */
let received: object[]

beforeEach(async () => {
  received = []
  edge = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  const connected = new Promise<WebSocket>((resolve) => edge.once('connection', resolve))
  edge.on('connection', (opened) => {
    opened.on('message', (data: Buffer, isBinary) => {
      if (!isBinary) received.push(readable(data.toString()))
    })
  })
  await new Promise((resolve) => edge.once('listening', resolve))
  const sessions = new Map<string, Session>()
  link = new SessionLink({
    edgeUrl: `ws://127.0.0.1:${(edge.address() as AddressInfo).port}`,
    key: 'k',
    originId: 'origin-1',
    bootId: SESSION_ID,
    sessionId: SESSION_ID,
    sessions,
    log: createLogger(),
    onEnd: () => undefined,
  })
  session = new Session({ config: CONFIG, sink: link, log: createLogger(), services: createRig().services })
  sessions.set(SESSION_ID, session)
  socket = await connected
})
afterEach(() => {
  session.close('client_stop', { afterSpeech: false })
  link.end('client_stop')
  for (const client of edge.clients) client.terminate()
  edge.close()
})

function readable(text: string): object {
  const relayed = decodeRelay(text)
  if (relayed === undefined) return SessionUp.parse(JSON.parse(text))
  return { event: (JSON.parse(relayed.eventJson) as { type: string }).type, header: relayed.header }
}

async function answerTo(id: string, call: LinkCall): Promise<{ result: Record<string, unknown>; before: object[] }> {
  received = []
  socket.send(JSON.stringify({ type: 'request', id, call }))
  const isAnswer = (message: object): boolean => 'id' in message && message.id === id
  await vi.waitFor(() => expect(received.some(isAnswer)).toBe(true), 5_000)
  const at = received.findIndex(isAnswer)
  return { result: (received[at] as { result: Record<string, unknown> }).result, before: received.slice(0, at) }
}

describe('a link', () => {
  it('says hello first, with the protocol that it speaks', async () => {
    await vi.waitFor(() => expect(received.length).toBeGreaterThan(0))
    expect(received[0]).toEqual({ type: 'hello', protocol_version: PROTOCOL_VERSION, origin_id: 'origin-1', boot_id: SESSION_ID })
  })

  it.each<LinkCall>([
    { method: 'speak', params: { session_id: SESSION_ID, text: 'Hello.', mode: 'queue' } },
    { method: 'chat', params: { session_id: SESSION_ID, messages: [{ role: 'user', content: 'Hello.' }], stream: false, mode: 'queue' } },
  ])('marks the task of a $method open before it answers', async (call) => {
    const { result, before } = await answerTo('1', call)
    expect(result.task_id).toMatch(/^task_/)
    expect(before).toContainEqual({ type: 'task', task: { id: result.task_id, state: 'open' } })
  })

  it('marks none for an interrupt, whose answer names the task that it ended; that is closed by its last event', async () => {
    const { result: spoken } = await answerTo('1', { method: 'speak', params: { session_id: SESSION_ID, text: 'Hello.', mode: 'queue' } })
    const { result, before } = await answerTo('2', { method: 'interrupt', params: {} })
    expect(result.task_id).toBe(spoken.task_id)
    expect(before).not.toContainEqual(expect.objectContaining({ type: 'task' }))
    expect(before).toContainEqual({
      event: 'speech_finished',
      header: { class: 'control', task: { id: spoken.task_id, state: 'closed' } },
    })
    expect(before).toContainEqual({ event: 'interrupted', header: { class: 'control' } })
  })
})
