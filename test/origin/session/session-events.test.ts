import { afterEach, describe, expect, it, vi } from 'vitest'
import { SessionEvents } from '../../../origin/events/session-events.ts'
import { SessionStatus } from '../../../origin/session/status.ts'
import { AvatarError } from '../../../shared/errors.ts'
import { createRig, RecordingSink } from '../../support/fakes/session-fakes.ts'
import { createLogger } from '../../support/fakes/silent-log.ts'

afterEach(() => void vi.restoreAllMocks())

function create() {
  const sink = new RecordingSink()
  return { sink, events: new SessionEvents({ sessionId: 'the-session', sink, log: createLogger() }) }
}

describe('SessionEvents', () => {
  it('fills in the session and the generation of the moment', () => {
    const { sink, events } = create()
    events.publish({ type: 'user_speech_started' })
    events.nextGeneration()
    events.reply('client', { type: 'audio_buffer_appended', buffered_ms: 2, appended_ms: 1 })
    expect(sink.events).toEqual([
      { relayClass: 'control', to: undefined, event: { type: 'user_speech_started', session_id: 'the-session', generation: 0 } },
      {
        relayClass: 'control',
        to: 'client',
        event: { type: 'audio_buffer_appended', session_id: 'the-session', generation: 1, buffered_ms: 2, appended_ms: 1 },
      },
    ])
  })

  it('sends optional events only while somebody wants their kind', () => {
    const { sink, events } = create()
    const level = { type: 'level', level_db: -20, speech: null } as const
    events.optional('level', level)
    events.wants = { words: true, levels: false }
    events.optional('level', level)
    expect([events.isWanted('word'), events.isWanted('level')]).toEqual([true, false])
    expect(sink.events).toEqual([])
    events.wants = { words: false, levels: true }
    events.optional('level', level)
    expect(sink.events).toMatchObject([{ relayClass: 'level', event: { level_db: -20, session_id: 'the-session' } }])
  })

  it('turns an error into an event with its task, for the client that caused it', () => {
    const { sink, events } = create()
    events.error(new AvatarError('AUDIO_BUFFER_EMPTY', 'Nothing there.', { of: 1 }), { clientId: 'client' })
    events.error(new AvatarError('PROVIDER_FAILED', 'It broke.'), { taskId: 'task' })
    expect(sink.events.map(({ to }) => to)).toEqual(['client', undefined])
    const [first, second] = sink.of('error')
    expect(first).toMatchObject({ code: 'AUDIO_BUFFER_EMPTY', message: 'Nothing there.', details: { of: 1 } })
    expect(first).not.toHaveProperty('task_id')
    expect(second).toMatchObject({ code: 'PROVIDER_FAILED', task_id: 'task' })
  })

  it('sends nothing once it is closed', () => {
    const { sink, events } = create()
    events.close()
    events.publish({ type: 'user_speech_started' })
    events.error(new AvatarError('PROVIDER_FAILED', 'It broke.'))
    expect(sink.events).toEqual([])
  })
})

it('one change of the speech updates the status once', async () => {
  const { session, run } = createRig()
  const updates = vi.spyOn(SessionStatus.prototype, 'update')
  const countOf = (act: () => unknown): number => {
    const before = updates.mock.calls.length
    act()
    return updates.mock.calls.length - before
  }
  expect(countOf(() => session.speech.speak({ text: 'x'.repeat(50) }))).toBe(1)
  const queued = updates.mock.calls.length
  await run(5)
  expect(session.speech.speaking).toBe(true)
  expect(updates.mock.calls.length - queued).toBe(1)
  expect(countOf(() => session.speech.pauseSpeech())).toBe(1)
  expect(countOf(() => session.speech.resumeSpeech())).toBe(1)
  expect(countOf(() => session.speech.interrupt())).toBe(1)
})
