/** WebRTC against a real browser and the whole system, as `npm start` runs it. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { MIC_SAMPLE_RATE } from '../../origin/codec/opus.ts'
import { encodeWav } from '../../origin/codec/wav.ts'
import { NO_CHROMIUM, openBrowser, type TestBrowser } from '../support/browser/browser.ts'
import {
  applyAnswer,
  heardSince,
  inboundStats,
  longestPause,
  makeOffer,
  pageNow,
  type RtcClientOptions,
} from '../support/browser/rtc-page.ts'
import { ApiClient } from '../support/clients/api-client.ts'
import { SocketClient } from '../support/clients/socket-client.ts'
import { watchLoad } from '../support/machine-load.ts'
import { type Coturn, NO_COTURN, startCoturn } from '../support/servers/coturn.ts'
import { type LossyRelay, openRelay } from '../support/servers/lossy-relay.ts'
import { descendantsOf } from '../support/servers/processes.ts'
import { type RunningSystem, startSystem } from '../support/servers/running-system.ts'
import { startMarkedStream } from '../support/signals/rtc-marker.ts'
import { until } from '../support/until.ts'

const TEXT = 'Welcome to our interactive AI avatar system! I can say anything you type, for as long as you like to listen to me.'
const MIC_HZ = 1_000
const TURN_PORT = 43_478
/** RMS above which sound is sound. */
const AUDIBLE = 0.01

let folder: string
let browser: TestBrowser
let system: RunningSystem
let api: ApiClient

beforeAll(async () => {
  if (NO_CHROMIUM !== undefined) return
  folder = await mkdtemp(join(tmpdir(), 'avatar-'))
  const microphone = join(folder, 'tone.wav')
  const tone = Int16Array.from({ length: 48_000 }, (_, i) => 10_000 * Math.sin((2 * Math.PI * MIC_HZ * i) / 48_000))
  await writeFile(microphone, encodeWav(tone, 48_000))
  system = await startSystem({ RATE_LIMIT_SESSIONS: '1000', RATE_LIMIT_SPEAK: '1000' })
  api = new ApiClient(system)
  browser = await openBrowser({ microphone })
}, 120_000)
afterAll(async () => {
  await browser?.close()
  await system?.stop()
  if (folder) await rm(folder, { recursive: true })
})

interface Live {
  sessionId: string
  client: SocketClient
  firstPictureMs: number
  relay: LossyRelay | undefined
}
const live: Live[] = []

/** A session whose media comes by WebRTC. @param network puts a bad one in between */
async function connect(
  options: RtcClientOptions & { quality?: string; network?: { loss: number; delayMs: number }; query?: string } = {},
): Promise<Live> {
  const { session_id: sessionId } = await api.expectOk<{ session_id: string }>('/v1/streaming.new', {
    quality: options.quality ?? 'medium',
  })
  const client = await SocketClient.open(`${system.wsUrl}/${sessionId}${options.query ?? ''}`)
  const entry: Live = { sessionId, client, firstPictureMs: 0, relay: undefined }
  live.push(entry)
  const offer = await makeOffer(browser.page, options)
  const startMs = performance.now()
  const { sdp } = await api.expectOk<{ sdp: { sdp: string } }>('/v1/streaming.start', {
    session_id: sessionId,
    sdp: { type: 'offer', sdp: offer },
  })
  if (options.network) entry.relay = await openRelay(sdp.sdp, options.network)
  await applyAnswer(browser.page, entry.relay?.sdp ?? sdp.sdp)
  entry.firstPictureMs = performance.now() - startMs
  await client.next('transport', { where: ({ active }) => active === 'webrtc' })
  return entry
}

afterEach(async () => {
  for (const { sessionId, client, relay } of live.splice(0)) {
    client.close()
    await api.expectOk('/v1/streaming.stop', { session_id: sessionId })
    await browser.page.evaluate(() => globalThis.rtc.pc.close())
    relay?.close()
  }
})

async function speak({ sessionId, client }: Live, text = TEXT): Promise<void> {
  const from = client.events.length
  const { task_id } = await api.expectOk<{ task_id: string }>('/v1/avatar.speak', { session_id: sessionId, text })
  await client.next('speech_started', { from, where: (event) => event.task_id === task_id })
}

describe.skipIf(NO_CHROMIUM !== undefined)(`a browser (${NO_CHROMIUM ?? 'Chromium'})`, { timeout: 90_000 }, () => {
  it.for([
    ['vp8', 30_000],
    ['h264', 6_000],
  ] as const)(
    'sees her by %s at 25 pictures a second, without a freeze, and hears her while she speaks',
    async ([codec, lastMs], { skip }) => {
      const session = await connect({ codec })
      const { client } = session
      const machine = watchLoad()
      const from = await inboundStats(browser.page)
      const fromMs = await pageNow(browser.page)
      const fromEvent = client.events.length
      // longer than what is measured
      await speak(session, TEXT.repeat(Math.ceil(lastMs / 6_000)))
      await delay(lastMs)
      const to = await inboundStats(browser.page)
      const heard = await heardSince(browser.page, fromMs)
      const seconds = ((await pageNow(browser.page)) - fromMs) / 1000
      expect(to.videoCodec.toLowerCase()).toBe(`video/${codec}`)
      expect(heard.filter(({ rms }) => rms > AUDIBLE).length / heard.length, 'share of sound').toBeGreaterThan(0.5)
      // nothing of it comes over the socket
      expect(client.events.slice(fromEvent).filter(({ type }) => type === 'frame' || type === 'audio')).toEqual([])
      expect(browser.errors).toEqual([])
      skip(machine.tooBusy() !== undefined, machine.tooBusy())
      const figures = JSON.stringify({ ...to, seconds, idle: machine.idleShare() })
      expect((to.framesDecoded - from.framesDecoded) / seconds, figures).toBeGreaterThan(24)
      expect((to.framesDropped - from.framesDropped) / (to.framesDecoded - from.framesDecoded), figures).toBeLessThanOrEqual(0.01)
      expect(to.freezeCount - from.freezeCount, figures).toBe(0)
      expect(to.concealedSamples / to.totalSamples, figures).toBeLessThan(0.05)
    },
  )

  it('connects within half a second', async () => {
    const times: number[] = []
    for (let i = 0; i < 10; i++) {
      const { firstPictureMs, sessionId, client } = await connect({ quality: 'low' })
      times.push(firstPictureMs)
      client.close()
      await api.expectOk('/v1/streaming.stop', { session_id: sessionId })
      await browser.page.evaluate(() => globalThis.rtc.pc.close())
      live.pop()
    }
    expect(times.sort((a, b) => a - b)[5], `ms: ${times.map(Math.round).join(', ')}`).toBeLessThan(500)
  })

  it('has media on the socket too where it asks for it', async () => {
    const { client } = await connect({ query: '?webrtc=beside' })
    const from = client.events.length
    await client.next('frame', { from })
  })

  it('hears silence within 150 ms of an interrupt', async ({ skip }) => {
    const session = await connect()
    const { client } = session
    const machine = watchLoad()
    const times: number[] = []
    const byMs = performance.now() + 60_000
    while (times.length < 20 && performance.now() < byMs) {
      const from = client.events.length
      const spokeMs = await pageNow(browser.page)
      await speak(session)
      await until('sound', async () => (await heardSince(browser.page, spokeMs)).some(({ rms }) => rms > AUDIBLE))
      const askedMs = await pageNow(browser.page)
      client.send({ type: 'interrupt' })
      await client.next('interrupted', { from })
      // long enough for sound that goes on to be heard
      await delay(500)
      const last = (await heardSince(browser.page, askedMs)).filter(({ rms }) => rms > AUDIBLE).at(-1)
      times.push(last ? last.atMs - askedMs : 0)
    }
    times.sort((a, b) => a - b)
    const { audioJitterBufferMs } = await inboundStats(browser.page)
    const shown = `ms: ${times.map(Math.round).join(', ')}; held ahead by the browser: ${Math.round(audioJitterBufferMs)}; idle: ${machine.idleShare().toFixed(2)}`
    skip(machine.tooBusy() !== undefined, machine.tooBusy())
    expect(times).toHaveLength(20)
    expect(times[9] ?? 0, shown).toBeLessThan(150)
    expect(times[18] ?? 0, shown).toBeLessThan(200)
  })

  it('sees no pause over a second with 5 % loss and 50 ms delay each way, and is seen to lose packets', async ({ skip }) => {
    const { relay } = await connect({ network: { loss: 0.05, delayMs: 50 } })
    const machine = watchLoad()
    const fromMs = await pageNow(browser.page)
    const from = await inboundStats(browser.page)
    await delay(10_000)
    const to = await inboundStats(browser.page)
    expect(relay?.lost()).toBeGreaterThan(20)
    expect(to.nackCount).toBeGreaterThan(from.nackCount)
    skip(machine.tooBusy() !== undefined, machine.tooBusy())
    const figures = JSON.stringify({ ...to, lost: relay?.lost(), idle: machine.idleShare() })
    expect(await longestPause(browser.page, fromMs), figures).toBeLessThan(1_000)
    expect(to.framesDecoded - from.framesDecoded, figures).toBeGreaterThan(200)
  })

  it('falls back to the socket while the network is gone, and comes back with it', async () => {
    const { client, relay } = await connect({ network: { loss: 0, delayMs: 0 } })
    relay?.setBlocked(true)
    const from = client.events.length
    await client.next('transport', { from, where: ({ active }) => active === 'socket', timeoutMs: 10_000 })
    await client.next('frame', { from })
    relay?.setBlocked(false)
    await client.next('transport', { from, where: ({ active }) => active === 'webrtc', timeoutMs: 10_000 })
  })

  it('may offer again on the same connection, and the session goes on', async () => {
    const session = await connect()
    const { sessionId, client } = session
    const from = client.events.length
    const offer = await browser.page.evaluate(async () => {
      const { pc } = globalThis.rtc
      pc.restartIce()
      await pc.setLocalDescription(await pc.createOffer())
      return pc.localDescription?.sdp ?? ''
    })
    const { sdp } = await api.expectOk<{ sdp: { sdp: string } }>('/v1/streaming.start', {
      session_id: sessionId,
      sdp: { type: 'offer', sdp: offer },
    })
    await browser.page.evaluate((answer) => globalThis.rtc.pc.setRemoteDescription({ type: 'answer', sdp: answer }), sdp.sdp)
    await client.next('transport', { from, where: ({ active }) => active === 'webrtc' })
    const before = await inboundStats(browser.page)
    await until('pictures to go on', async () => (await inboundStats(browser.page)).framesDecoded > before.framesDecoded + 25, 20_000)
    const fromMs = await pageNow(browser.page)
    await speak(session)
    await until('sound', async () => (await heardSince(browser.page, fromMs)).some(({ rms }) => rms > AUDIBLE))
  })

  it('is seen again within 10 s of the end of the origin’s process, in the same session', async ({ skip }) => {
    const { sessionId, client } = await connect()
    const machine = watchLoad()
    const from = client.events.length
    const killedMs = performance.now()
    const origin = descendantsOf(system.pid).find(({ command }) => /origin\/index/.test(command))
    if (!origin) throw new Error('no origin runs')
    process.kill(origin.pid, 'SIGKILL')
    await client.next('session_state', { from, where: ({ state }) => state === 'reconnecting' })
    await client.next('session_state', { from, where: ({ state }) => state === 'live', timeoutMs: 60_000 })
    await browser.page.evaluate(() => globalThis.rtc.pc.close())
    const offer = await makeOffer(browser.page, { codec: 'vp8' })
    const { sdp } = await api.expectOk<{ sdp: { sdp: string } }>('/v1/streaming.start', {
      session_id: sessionId,
      sdp: { type: 'offer', sdp: offer },
    })
    await applyAnswer(browser.page, sdp.sdp)
    const backMs = performance.now() - killedMs
    await client.next('transport', { from, where: ({ active }) => active === 'webrtc' })
    skip(machine.tooBusy() !== undefined, machine.tooBusy())
    expect(backMs).toBeLessThan(10_000)
  })
})

const NO_TURN = NO_CHROMIUM ?? NO_COTURN
describe.skipIf(NO_TURN !== undefined)(`through a TURN server (${NO_TURN ?? 'coturn'})`, { timeout: 90_000 }, () => {
  const secret = 'north-of-the-wall'
  let coturn: Coturn
  beforeAll(async () => {
    coturn = await startCoturn(TURN_PORT, secret)
  })
  afterAll(async () => coturn?.stop())

  it.each([
    ['the browser may use nothing else', {}],
    ['neither side may use anything else', { RTC_RELAY_ONLY: '1' }],
  ])('she is seen where %s', async (_name, env) => {
    const relayed = await startSystem({ TURN_URLS: coturn.url, TURN_SECRET: secret, ICE_SERVERS: '[]', ...env })
    try {
      const call = async <T>(path: string, body: unknown): Promise<T> => {
        const response = await fetch(`${relayed.apiUrl}${path}`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(body),
        })
        expect(response.status, await response.clone().text()).toBe(200)
        return (await response.json()) as T
      }
      const { session_id, ice_servers: iceServers } = await call<{ session_id: string; ice_servers: RTCIceServer[] }>(
        '/v1/streaming.new',
        {},
      )
      expect(iceServers[0]).toMatchObject({ urls: [coturn.url], username: expect.stringContaining(session_id) })
      const offer = await makeOffer(browser.page, { iceServers, relayOnly: true })
      const { sdp } = await call<{ sdp: { sdp: string } }>('/v1/streaming.start', { session_id, sdp: { type: 'offer', sdp: offer } })
      // the candidates found since the offer: without them, a relay would let nothing through
      const candidates = await until('a candidate', async () => {
        const found = await browser.page.evaluate(() => globalThis.rtc.candidates)
        return found.length > 0 && found
      })
      const playing = applyAnswer(browser.page, sdp.sdp)
      for (const candidate of candidates) await call('/v1/streaming.ice', { session_id, candidate })
      await playing
      expect((await inboundStats(browser.page)).pair).toMatch(/^relay/)
      if ('RTC_RELAY_ONLY' in env) expect(sdp.sdp.match(/typ \w+/g)).toEqual(expect.not.arrayContaining(['typ host']))
    } finally {
      await browser.page.evaluate(() => globalThis.rtc.pc.close())
      await relayed.stop()
    }
  })
})

describe.skipIf(NO_CHROMIUM !== undefined)('sound and picture', { timeout: 90_000 }, () => {
  it('are in step within 40 ms from the first word on, and the microphone arrives as it was', async ({ skip }) => {
    const mic: Int16Array[] = []
    const machine = watchLoad()
    const stream = await startMarkedStream(browser.page, { onMic: (pcm) => mic.push(pcm) })
    try {
      const skews = await until(
        'fifteen markers',
        async () => {
          const found = await stream.skews()
          return found.length >= 15 && found
        },
        30_000,
      )
      const pcm = mic.slice(50).flatMap((piece) => [...piece])
      expect(pcm.length / MIC_SAMPLE_RATE).toBeGreaterThan(9)
      const crossings = pcm.slice(1).filter((sample, i) => sample < 0 !== (pcm[i] ?? 0) < 0).length
      expect((crossings / 2 / pcm.length) * MIC_SAMPLE_RATE).toBeCloseTo(MIC_HZ, -2)
      const shown = `ms: ${skews.map(({ skewMs }) => Math.round(skewMs)).join(', ')}`
      skip(machine.tooBusy() !== undefined, machine.tooBusy())
      const within = (limitMs: number): number => skews.filter(({ skewMs }) => Math.abs(skewMs) <= limitMs).length / skews.length
      expect(within(40), shown).toBeGreaterThanOrEqual(0.8)
      expect(within(80), shown).toBeGreaterThanOrEqual(0.9)
    } finally {
      await stream.close()
    }
  })
})
