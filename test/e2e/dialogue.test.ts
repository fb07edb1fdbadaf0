/**
 * A spoken dialogue, hands-free: a voice that the detector was not trained with speaks into Chromium's microphone, goes over WebRTC,
 * is heard by a real recogniser, answered by a language model's stand-in, and the answer sounds in the browser.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { resample } from '../../origin/codec/resample.ts'
import { encodeWav } from '../../origin/codec/wav.ts'
import { openBrowser, type TestBrowser } from '../support/browser/browser.ts'
import { applyAnswer, heardSince, makeOffer, pageNow } from '../support/browser/rtc-page.ts'
import { ApiClient } from '../support/clients/api-client.ts'
import { type RunningSystem, startSystem } from '../support/servers/running-system.ts'
import { type SphinxServer, startSphinxServer } from '../support/servers/sphinx-server.ts'
import { startVendorServer, type VendorServer } from '../support/servers/vendor-server.ts'
import { toPcm } from '../support/signals/noise.ts'
import { embeddedSpeech } from '../support/signals/test-speech.ts'

const QUESTION = 'What will the weather be like tomorrow morning?'
/** Words of it that tell the question from chance. */
const TELLING = /\b(weather|tomorrow|morning)\b/
const ANSWER = 'It will be sunny and warm.'
const MIC_RATE = 48_000
/** s of silence before and after the question; the microphone plays all of it again and again. */
const PAUSE_S = 4
const AUDIBLE = 0.01

/** Asks of the stand-in for a language model, newest last. */
const asked: { role: string; content: string }[][] = []

async function startModel(): Promise<VendorServer> {
  return await startVendorServer((exchange) => {
    asked.push(exchange.body.messages as { role: string; content: string }[])
    const common = { id: 'chat_1', object: 'chat.completion.chunk', created: 1, model: 'stand-in' }
    const deltas = [
      { delta: { content: ANSWER }, finish_reason: null },
      { delta: {}, finish_reason: 'stop' },
    ]
    exchange.head(200, { 'content-type': 'text/event-stream' })
    const chunks = deltas.map((choice) => JSON.stringify({ ...common, choices: [{ index: 0, ...choice }] }))
    exchange.end([...chunks, '[DONE]'].map((data) => `data: ${data}\n\n`).join(''))
    return true
  })
}

describe('a spoken dialogue', () => {
  let folder: string
  let sphinx: SphinxServer
  let model: VendorServer
  let system: RunningSystem
  let browser: TestBrowser

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'dialogue-'))
    const [said] = await embeddedSpeech(['flite_rms'], [QUESTION])
    if (!said) throw new Error('the embedded voice said nothing')
    const speech = resample(toPcm(said.sound), 16_000, MIC_RATE)
    const whole = new Int16Array(speech.length + 2 * PAUSE_S * MIC_RATE)
    whole.set(speech, PAUSE_S * MIC_RATE)
    const microphone = join(folder, 'question.wav')
    await writeFile(microphone, encodeWav(whole, MIC_RATE))
    sphinx = await startSphinxServer()
    model = await startModel()
    system = await startSystem({ STT_BASE_URL: sphinx.url, OPENAI_API_KEY: 'none', OPENAI_BASE_URL: `${model.url}/v1` })
    browser = await openBrowser({ microphone })
  })
  afterAll(async () => {
    await browser?.close()
    await system?.stop()
    await model?.close()
    await sphinx?.close()
    if (folder) await rm(folder, { recursive: true })
  })

  it('is heard, transcribed, answered and spoken, without a hand', async () => {
    const api = new ApiClient(system)
    // the microphone asks again while she answers; this is about one question
    const turn_detection = { barge_in: 'off' }
    const { session_id } = await api.expectOk<{ session_id: string }>('/v1/streaming.new', {
      quality: 'low',
      language: 'en',
      turn_detection,
    })
    const client = await api.open(session_id, '?events=levels')
    const offer = await makeOffer(browser.page, { microphone: true })
    const { sdp } = await api.expectOk<{ sdp: { sdp: string } }>('/v1/streaming.start', { session_id, sdp: { type: 'offer', sdp: offer } })
    await applyAnswer(browser.page, sdp.sdp)
    await client.next('transport', { where: ({ active }) => active === 'webrtc' })

    client.send({ type: 'start_listening' })
    await client.next('user_speech_started')
    const stopped = await client.next('user_speech_stopped')
    expect(stopped.duration_ms).toBeGreaterThan(0)
    const question = await client.next('chat', {
      where: ({ role, content }) => role === 'user' && TELLING.test(String(content)),
    })
    expect(question.partial ?? false).toBe(false)
    const { task_id } = question
    const saidMs = await pageNow(browser.page)
    const answer = await client.next('chat', { where: (event) => event.role === 'agent' && event.task_id === task_id })
    expect(answer.content).toBe(ANSWER)
    const finished = await client.next('speech_finished', { where: (event) => event.task_id === task_id })
    expect(finished.reason).toBe('completed')
    expect(asked.some((messages) => messages.at(-1)?.role === 'user' && messages.at(-1)?.content === question.content)).toBe(true)

    // what comes back is her voice, in the browser
    await expect.poll(async () => (await heardSince(browser.page, saidMs)).filter(({ rms }) => rms > AUDIBLE).length).toBeGreaterThan(20)
    const metrics = await client.next('turn_metrics', { where: (event) => event.task_id === task_id })
    expect(metrics).toMatchObject({ kind: 'voice', metrics: { vad_end: expect.any(Number), stt_final: expect.any(Number) } })
    await client.next('level', { where: ({ level_db, speech }) => Number(level_db) > -40 && Number(speech) > 0.5 })
    client.send({ type: 'stop_listening' })
    client.close()
    await api.expectOk('/v1/streaming.stop', { session_id })
  })
})
