/** The user's voice: from a source in Node, and from a browser's microphone. */
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { Resampler } from '../../sdk/typescript/src/browser/resample.ts'
import { AvatarClient, type AvatarSession } from '../../sdk/typescript/src/index.ts'
import type { ClientEvent } from '../../shared/events.ts'
import { launchChromium, newPage } from '../support/browser/browser.ts'
import { bundleSdk } from '../support/browser/bundle.ts'
import { FakeAvatarApi, TOKEN } from '../support/fakes/fake-avatar-api.ts'
import { until } from '../support/until.ts'

let api: FakeAvatarApi

beforeEach(async () => {
  api = await FakeAvatarApi.start()
})
afterEach(() => api.stop())

type Voice = Extract<ClientEvent, { type: 'user_audio_append' }>
const voices = (): Voice[] => api.received.filter((event) => event.type === 'user_audio_append')
const samplesOf = ({ data }: Voice): Int16Array => {
  const bytes = Buffer.from(data.audio, 'base64')
  return new Int16Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length))
}
const types = (): string[] => api.received.map(({ type }) => type)

describe('a source of sound', () => {
  let session: AvatarSession
  beforeEach(async () => {
    const logger = { debug: () => undefined, warn: () => undefined }
    session = new AvatarClient({ apiUrl: api.apiUrl, wsUrl: api.wsUrl, logger }).attachSession(TOKEN)
    await session.connect()
  })
  afterEach(() => session.disconnect())

  it('is sent in pieces of 100 ms, with its last sound before the end', async () => {
    const source = (async function* () {
      for (let i = 0; i < 25; i++) yield Int16Array.from({ length: 160 }, (_, at) => i * 160 + at)
    })()
    const listening = await session.listen({ source, sampleRate: 16_000, mode: 'manual' })
    await listening.finished
    await until('the end', () => types().includes('stop_listening'))
    expect(types()).toEqual(['start_listening', 'user_audio_append', 'user_audio_append', 'user_audio_append', 'stop_listening'])
    expect(api.received[0]).toEqual({ type: 'start_listening', data: { mode: 'manual' } })
    expect(voices().map((voice) => samplesOf(voice).length)).toEqual([1600, 1600, 800])
    expect([...samplesOf(voices()[2] as Voice)].at(-1)).toBe(3999)
    expect(voices()[0]?.data).toMatchObject({ format: 'pcm_s16le', sample_rate: 16_000, channels: 1 })
  })

  it('may come as bytes that are cut anywhere', async () => {
    const bytes = new Uint8Array(Int16Array.from({ length: 2400 }, (_, i) => i).buffer)
    const source = (async function* () {
      yield bytes.subarray(0, 1001)
      yield bytes.subarray(1001, 1002)
      yield bytes.subarray(1002)
    })()
    await (await session.listen({ source })).finished
    await until('the end', () => types().includes('stop_listening'))
    expect(voices().flatMap((voice) => [...samplesOf(voice)])).toEqual([...Int16Array.from({ length: 2400 }, (_, i) => i)])
  })

  it('is silence while it is muted', async () => {
    const { source, push } = handMade()
    const listening = await session.listen({ source })
    listening.mute()
    push(new Int16Array(2400).fill(1000))
    await until('silence', () => voices().length === 1)
    listening.mute(false)
    push(new Int16Array(2400).fill(1000))
    await until('sound', () => voices().length === 2)
    expect(voices().map((voice) => Math.max(...samplesOf(voice)))).toEqual([0, 1000])
    await listening.stop()
  })

  it('is let go of when listening is stopped by its signal', async () => {
    const { source, push, ended } = handMade()
    const control = new AbortController()
    const listening = await session.listen({ source, signal: control.signal })
    push(new Int16Array(1200))
    await expect.poll(() => listening.active).toBe(true)
    control.abort()
    await listening.finished
    push(new Int16Array(1200))
    await ended
    expect(listening.active).toBe(false)
    await until('the end', () => types().includes('stop_listening'))
  })

  it('that fails says so, and is not heard any more', async () => {
    const source = (async function* () {
      yield new Int16Array(2400)
      throw new Error('the line is dead')
    })()
    const listening = await session.listen({ source })
    await expect(listening.finished).rejects.toThrow('the line is dead')
    await until('the end', () => types().includes('stop_listening'))
  })

  it('is not listened to where nothing recognises speech', async () => {
    api.onEvent = ({ type }) => {
      if (type === 'start_listening') api.send({ type: 'error', code: 'STT_UNAVAILABLE', message: 'Nothing recognises speech here.' })
    }
    const { source } = handMade()
    await expect(session.listen({ source })).rejects.toMatchObject({ name: 'UnavailableError', code: 'STT_UNAVAILABLE' })
  })

  it('is announced to a server that has taken over', async () => {
    const { source } = handMade()
    const listening = await session.listen({ source })
    api.send({ type: 'session_state', state: 'reconnecting', resumed: true, missed: 0 })
    api.send({ type: 'session_state', state: 'live', resumed: false, missed: 0 })
    await until('the second start', () => types().filter((type) => type === 'start_listening').length === 2)
    await listening.stop()
  })

  it('waits for a connection that is being made, and makes one where there is none', async () => {
    const { source, push } = handMade()
    const other = new AvatarClient({ apiUrl: api.apiUrl, wsUrl: api.wsUrl }).attachSession(TOKEN)
    const connecting = other.connect({ video: 'off' })
    const listening = await other.listen({ source })
    await connecting
    push(new Int16Array(2400))
    await until('its sound', () => voices().length === 1)
    await listening.stop()
    await other.disconnect()
    expect(api.upgrades).toHaveLength(2)
    await other.listen({ source: handMade().source })
    expect(api.upgrades).toHaveLength(3)
    await other.disconnect()
  })

  it('ends with the session', async () => {
    const { source } = handMade()
    const listening = await session.listen({ source })
    api.send({ type: 'session_ended', reason: 'idle_timeout', duration: 120 })
    await expect(listening.finished).rejects.toMatchObject({ code: 'SESSION_ENDED' })
  })
})

describe('changing the rate', () => {
  const tone = (hz: number, rate: number): Float32Array =>
    Float32Array.from({ length: rate }, (_, i) => 0.5 * Math.sin((2 * Math.PI * hz * i) / rate))
  const rms = (pcm: Int16Array): number => Math.sqrt(pcm.reduce((sum, sample) => sum + (sample / 32_768) ** 2, 0) / pcm.length)
  const resampled = (samples: Float32Array, from: number): Int16Array => {
    const resampler = new Resampler(from, 24_000)
    const pieces: number[] = []
    for (let at = 0; at < samples.length; at += 1_003) pieces.push(...resampler.push(samples.subarray(at, at + 1_003)))
    return Int16Array.from(pieces)
  }

  it.each([48_000, 44_100, 24_000, 16_000])('keeps speech from %d Hz, and its length', (rate) => {
    const pcm = resampled(tone(1_000, rate), rate)
    expect(pcm.length).toBeGreaterThan(23_900)
    expect(pcm.length).toBeLessThanOrEqual(24_000)
    expect(rms(pcm.subarray(500, -500))).toBeCloseTo(0.5 / Math.SQRT2, 2)
  })

  it('leaves out what the lower rate cannot hold', () => {
    expect(rms(resampled(tone(16_000, 48_000), 48_000).subarray(500, -500))).toBeLessThan(0.01)
  })
})

describe('a microphone', () => {
  let browser: Browser
  let script: string
  let page: Page

  beforeAll(async () => {
    script = await bundleSdk('sdkUnderTest')
    browser = await launchChromium({ asksForMicrophone: true })
  })
  afterAll(async () => browser?.close())
  afterEach(async () => page?.context().close())

  async function open({ allowed = true, policy }: { allowed?: boolean; policy?: string } = {}): Promise<void> {
    page = await newPage(browser, { permissions: allowed ? ['microphone'] : [] })
    const headers = { 'content-type': 'text/html', ...(policy === undefined ? {} : { 'content-security-policy': policy }) }
    // of the fake server itself: what is made up has no address, and may not open local sockets
    api.scripted.set('/page', [{ status: 200, raw: '<!doctype html>', headers }])
    await page.goto(`http://127.0.0.1:${api.port}/page`)
    await page.evaluate(script.replace('var sdkUnderTest', 'globalThis.sdkUnderTest'))
  }

  /** The error's facts, or undefined when it listens. */
  async function listen(options: { deviceId?: string } = {}): Promise<{ name: string; code: string; message: string } | undefined> {
    return await page.evaluate(
      async ({ token, options }) => {
        const client = new sdkUnderTest.AvatarClient({ apiUrl: `${location.origin}/v1`, wsUrl: `ws://${location.host}/ws` })
        const session = client.attachSession(token)
        await session.connect({ video: 'off', audio: 'off' })
        const levels: number[] = []
        try {
          const listening = await session.listen({ ...options, onLevel: (level) => levels.push(level) })
          Object.assign(globalThis, { listening, levels })
          return undefined
        } catch (error) {
          const { name, code, message } = error as InstanceType<typeof sdkUnderTest.AvatarError>
          return { name, code, message }
        }
      },
      { token: TOKEN, options },
    )
  }

  it('is heard over the socket at 24 kHz, with its level', async () => {
    await open()
    expect(await listen()).toBeUndefined()
    await until('its sound', () => voices().length >= 10)
    expect(voices()[3]?.data).toMatchObject({ format: 'pcm_s16le', sample_rate: 24_000, channels: 1 })
    const lengths = voices().map((voice) => samplesOf(voice).length)
    expect(Math.min(...lengths)).toBeGreaterThanOrEqual(2400)
    expect(Math.max(...lengths)).toBeLessThan(3600)
    expect(voices().some((voice) => Math.max(...samplesOf(voice)) > 1000)).toBe(true)
    expect(await page.evaluate(() => Math.max(...(globalThis as unknown as { levels: number[] }).levels))).toBeGreaterThan(0.3)
    await page.evaluate(() => (globalThis as unknown as { listening: { stop(): Promise<void> } }).listening.stop())
    await until('the end', () => types().at(-1) === 'stop_listening')
  })

  it('that the user does not allow is an error that says what to do', async () => {
    await open({ allowed: false })
    expect(await listen()).toMatchObject({
      name: 'MicrophoneError',
      code: 'MICROPHONE_DENIED',
      message: expect.stringContaining('settings'),
    })
    expect(types()).not.toContain('start_listening')
  })

  it('that is no longer wanted when it is there is closed again, and the server is told nothing', async () => {
    await open()
    const left = await page.evaluate(async (token) => {
      const client = new sdkUnderTest.AvatarClient({ apiUrl: `${location.origin}/v1`, wsUrl: `ws://${location.host}/ws` })
      const session = client.attachSession(token)
      await session.connect({ video: 'off', audio: 'off' })
      const tracks: MediaStreamTrack[] = []
      const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices)
      const control = new AbortController()
      navigator.mediaDevices.getUserMedia = async (constraints) => {
        const stream = await ask(constraints)
        tracks.push(...stream.getTracks())
        control.abort(new Error('enough'))
        return stream
      }
      const reason = await session.listen({ signal: control.signal }).then(String, String)
      await session.ping()
      return { reason, states: tracks.map(({ readyState }) => readyState) }
    }, TOKEN)
    expect(left).toEqual({ reason: 'Error: enough', states: ['ended'] })
    expect(types()).toEqual(['ping'])
  })

  it('that is not there is an error that says what to do', async () => {
    await open()
    expect(await listen({ deviceId: 'none-of-that-name' })).toMatchObject({ name: 'MicrophoneError', code: 'MICROPHONE_MISSING' })
  })

  it('that the policy of the page keeps out is an error that says what to do', async () => {
    await open({ policy: "script-src 'self'" })
    expect(await listen()).toMatchObject({ code: 'MICROPHONE_UNAVAILABLE', message: expect.stringContaining('script-src') })
  })
})

/** A source that gives what the test pushes, and tells when nobody wants more. */
function handMade(): { source: AsyncIterable<Int16Array>; push: (pcm: Int16Array) => void; ended: Promise<void> } {
  const waiting: Int16Array[] = []
  let wake = (): void => undefined
  const { promise: ended, resolve: end } = Promise.withResolvers<void>()
  const source = (async function* () {
    try {
      for (;;) {
        const pcm = waiting.shift()
        if (pcm) yield pcm
        else
          await new Promise<void>((resolve) => {
            wake = resolve
          })
      }
    } finally {
      end()
    }
  })()
  return {
    source,
    push: (pcm) => {
      waiting.push(pcm)
      wake()
    },
    ended,
  }
}
