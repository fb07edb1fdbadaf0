/** "Mm-hm" and "stop" over the avatar's speech, through the whole system: a recogniser that says what the test wants, and real sound. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ApiClient } from '../support/clients/api-client.ts'
import { spokenQuestion } from '../support/clients/talk.ts'
import { type RunningSystem, startSystem } from '../support/servers/running-system.ts'
import { startVendorServer, type VendorServer } from '../support/servers/vendor-server.ts'

const LONG = 'This is a long story about a ship, a storm, an island, and a man who wanted nothing but to go home to his family. '.repeat(2)

describe('what is said over her', () => {
  let recogniser: VendorServer
  let system: RunningSystem
  let text = ''
  beforeAll(async () => {
    recogniser = await startVendorServer((exchange) => {
      exchange.json(200, { text })
      return true
    })
    system = await startSystem({ STT_BASE_URL: `${recogniser.url}/v1` })
  })
  afterAll(async () => {
    await system?.stop()
    await recogniser?.close()
  })

  it('resumes her where it is a listener’s word, and ends her where it is not', async () => {
    const api = new ApiClient(system)
    const voice = await spokenQuestion()
    const { sessionId, socket } = await api.join('?audio=chunks')
    const say = (): void => {
      const audio = Buffer.from(voice.buffer, voice.byteOffset, voice.byteLength).toString('base64')
      socket.send({ type: 'user_audio_append', data: { audio, format: 'pcm_s16le', sample_rate: 16_000, channels: 1 } })
    }
    socket.send({ type: 'start_listening', data: { mode: 'vad' } })
    const { task_id } = await api.speak(sessionId, LONG)
    const started = await socket.next('speech_started')
    text = 'Mm-hm, okay.'
    say()
    const paused = await socket.next('speech_paused')
    const dropped = await socket.next('user_speech_dropped')
    expect(dropped).toMatchObject({ reason: 'backchannel', content: text })
    const resumed = await socket.next('speech_resumed')
    expect(resumed.task_id).toBe(started.task_id)
    expect(Number(resumed.played_ms)).toBeLessThanOrEqual(Number(paused.played_ms))
    expect(socket.events.filter(({ type, role }) => type === 'interrupted' || (type === 'chat' && role === 'user'))).toEqual([])

    const from = socket.events.length
    text = 'Stop.'
    say()
    const interrupted = await socket.next('interrupted', { from })
    expect(interrupted.task_id).toBe(task_id)
    expect(await socket.next('chat', { from, where: ({ role }) => role === 'user' })).toMatchObject({ content: 'Stop.' })
    await api.stop(sessionId)
    socket.close()
  })
})
