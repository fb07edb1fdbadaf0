/** WebRTC against a real browser and the whole system, as `npm start` runs it. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { MIC_SAMPLE_RATE } from '../../origin/codec/opus.ts'
import { encodeWav } from '../../origin/codec/wav.ts'
import { FPS } from '../../shared/media.ts'
import { openBrowser, type TestBrowser } from '../support/browser/browser.ts'
import { applyAnswer, heardSince, inboundStats, makeOffer, pageNow, type RtcClientOptions } from '../support/browser/rtc-page.ts'
import { ApiClient } from '../support/clients/api-client.ts'
import { SocketClient } from '../support/clients/socket-client.ts'
import { type Coturn, startCoturn } from '../support/servers/coturn.ts'
import { type LossyRelay, openRelay } from '../support/servers/lossy-relay.ts'
import { killDescendant } from '../support/servers/processes.ts'
import { type RunningSystem, startSystem } from '../support/servers/running-system.ts'
import { startMarkedStream } from '../support/signals/rtc-marker.ts'
import { until } from '../support/until.ts'

const TEXT = 'Welcome to our interactive AI avatar system! I can say anything you type, for as long as you like to listen to me.'
const MIC_HZ = 1_000
/** A second of what the page hears, in values of `heardSince`. */
const SECOND = 200
/** Of the clock of video's RTP, Hz. */
const VIDEO_CLOCK_HZ = 90_000
/** Minutes of speech: nothing that a test does lasts as long. */
const LONG = TEXT.repeat(30)
/** RMS above which sound is sound. */
const AUDIBLE = 0.01

let folder: string
let browser: TestBrowser
let system: RunningSystem
let api: ApiClient

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'avatar-'))
  const microphone = join(folder, 'tone.wav')
  const tone = Int16Array.from({ length: 48_000 }, (_, i) => 10_000 * Math.sin((2 * Math.PI * MIC_HZ * i) / 48_000))
  await writeFile(microphone, encodeWav(tone, 48_000))
  system = await startSystem({ RATE_LIMIT_SESSIONS: '1000', RATE_LIMIT_SPEAK: '1000' })
  api = new ApiClient(system)
  browser = await openBrowser({ microphone })
})
afterAll(async () => {
  await browser?.close()
  await system?.stop()
  if (folder) await rm(folder, { recursive: true })
})

interface Live {
  sessionId: string
  client: SocketClient
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
  const entry: Live = { sessionId, client, relay: undefined }
  live.push(entry)
  const offer = await makeOffer(browser.page, options)
  const { sdp } = await api.expectOk<{ sdp: { sdp: string } }>('/v1/streaming.start', {
    session_id: sessionId,
    sdp: { type: 'offer', sdp: offer },
  })
  if (options.network) entry.relay = await openRelay(sdp.sdp, options.network)
  await applyAnswer(browser.page, entry.relay?.sdp ?? sdp.sdp)
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

/** She is heard in the browser since then. */
async function soundSince(fromMs: number): Promise<void> {
  await until('sound', async () => (await heardSince(browser.page, fromMs)).some(({ rms }) => rms > AUDIBLE))
}

/** So many more frames are decoded. */
async function moreFrames(count: number): Promise<void> {
  const { framesDecoded } = await inboundStats(browser.page)
  await until(`${count} frames`, async () => (await inboundStats(browser.page)).framesDecoded >= framesDecoded + count)
}

describe('a browser', () => {
  it.each(['vp8', 'h264'] as const)('sees her by %s on a grid of 25 frames a second, and hears her while she speaks', async (codec) => {
    const session = await connect({ codec })
    const { client } = session
    const fromMs = await pageNow(browser.page)
    const fromEvent = client.events.length
    await speak(session, LONG)
    await soundSince(fromMs)
    await moreFrames(50)
    expect((await inboundStats(browser.page)).videoCodec.toLowerCase()).toBe(`video/${codec}`)
    const stamps = await browser.page.evaluate(() => globalThis.rtc.stamps)
    const ticks = stamps.slice(1).map((stamp, i) => (((stamp - (stamps[i] ?? 0)) | 0) * FPS) / VIDEO_CLOCK_HZ)
    // one that was not shown leaves a hole, and does not move the others
    expect(Math.min(...ticks)).toBeGreaterThan(0.99)
    for (const tick of ticks) expect(tick).toBeCloseTo(Math.round(tick), 2)
    // nothing of it comes over the socket
    expect(client.events.slice(fromEvent).filter(({ type }) => type === 'frame' || type === 'audio')).toEqual([])
    expect(browser.errors).toEqual([])
  })

  it('has media on the socket too where it asks for it', async () => {
    const { client } = await connect({ query: '?webrtc=beside' })
    const from = client.events.length
    await client.next('frame', { from })
  })

  it('hears silence after an interrupt while frames go on', async () => {
    const session = await connect()
    const { client } = session
    for (let i = 0; i < 3; i++) {
      const from = client.events.length
      const spokeMs = await pageNow(browser.page)
      await speak(session, LONG)
      await soundSince(spokeMs)
      client.send({ type: 'interrupt' })
      await client.next('interrupted', { from })
      const silentFromMs = await pageNow(browser.page)
      // longer than any pause within speech
      await until('a second of silence', async () => {
        const heard = (await heardSince(browser.page, silentFromMs)).slice(-SECOND)
        return heard.length === SECOND && heard.every(({ rms }) => rms <= AUDIBLE)
      })
    }
    await moreFrames(10)
  })

  it('sees her go on with 5 % loss and 50 ms delay each way, and is seen to lose packets', async () => {
    const { relay } = await connect({ network: { loss: 0.05, delayMs: 50 } })
    const from = await inboundStats(browser.page)
    await until('packets to be lost', () => (relay?.lost() ?? 0) > 20)
    await until('packets to be asked for again', async () => (await inboundStats(browser.page)).nackCount > from.nackCount)
    await moreFrames(100)
  })

  it('falls back to the socket while the network is gone, and comes back with it', async () => {
    const { client, relay } = await connect({ network: { loss: 0, delayMs: 0 } })
    relay?.setBlocked(true)
    const from = client.events.length
    await client.next('transport', { from, where: ({ active }) => active === 'socket' })
    await client.next('frame', { from })
    relay?.setBlocked(false)
    await client.next('transport', { from, where: ({ active }) => active === 'webrtc' })
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
    await moreFrames(25)
    const fromMs = await pageNow(browser.page)
    await speak(session)
    await soundSince(fromMs)
  })

  it('sees and hears with a microphone and a shared screen in parts of their own, a silent part and a data channel, also when it offers again', async () => {
    const { session_id: sessionId } = await api.expectOk<{ session_id: string }>('/v1/streaming.new', { quality: 'low' })
    const client = await SocketClient.open(`${system.wsUrl}/${sessionId}`)
    live.push({ sessionId, client, relay: undefined })
    await makeOffer(browser.page, { microphone: false })
    const offer = async (): Promise<string> =>
      await browser.page.evaluate(async () => {
        const { pc } = globalThis.rtc
        await pc.setLocalDescription(await pc.createOffer())
        return pc.localDescription?.sdp ?? ''
      })
    const answerTo = async (sdp: string): Promise<string> => {
      const answered = await api.expectOk<{ sdp: { sdp: string } }>('/v1/streaming.start', {
        session_id: sessionId,
        sdp: { type: 'offer', sdp },
      })
      return answered.sdp.sdp
    }
    await browser.page.evaluate(async () => {
      const { pc } = globalThis.rtc
      const microphone = await navigator.mediaDevices.getUserMedia({ audio: true })
      for (const track of microphone.getTracks()) pc.addTransceiver(track, { direction: 'sendonly' })
      const screen = document.createElement('canvas')
      screen.getContext('2d')?.fillRect(0, 0, 64, 64)
      for (const track of screen.captureStream(5).getTracks()) pc.addTransceiver(track, { direction: 'sendonly' })
      pc.addTransceiver('audio', { direction: 'inactive' })
      pc.createDataChannel('notes')
    })
    await applyAnswer(browser.page, await answerTo(await offer()))
    const directions = async (): Promise<unknown> =>
      await browser.page.evaluate(() => globalThis.rtc.pc.getTransceivers().map(({ currentDirection }) => currentDirection))
    // the screen's place is closed
    expect(await directions()).toEqual(['recvonly', 'recvonly', 'sendonly', 'inactive'])
    await moreFrames(10)
    const again = await answerTo(await offer())
    await browser.page.evaluate((sdp) => globalThis.rtc.pc.setRemoteDescription({ type: 'answer', sdp }), again)
    expect(await directions()).toEqual(['recvonly', 'recvonly', 'sendonly', 'inactive'])
    await moreFrames(10)
    const fromMs = await pageNow(browser.page)
    await speak({ sessionId, client, relay: undefined })
    await soundSince(fromMs)
    expect(browser.errors).toEqual([])
  })

  it('is seen again after the end of the origin’s process, in the same session', async () => {
    const { sessionId, client } = await connect()
    const from = client.events.length
    killDescendant(system.pid, 'origin/index.ts')
    await client.next('session_state', { from, where: ({ state }) => state === 'reconnecting' })
    await client.next('session_state', { from, where: ({ state }) => state === 'live' })
    await browser.page.evaluate(() => globalThis.rtc.pc.close())
    const offer = await makeOffer(browser.page, { codec: 'vp8' })
    const { sdp } = await api.expectOk<{ sdp: { sdp: string } }>('/v1/streaming.start', {
      session_id: sessionId,
      sdp: { type: 'offer', sdp: offer },
    })
    await applyAnswer(browser.page, sdp.sdp)
    await client.next('transport', { from, where: ({ active }) => active === 'webrtc' })
    await moreFrames(10)
  })
})

describe('through a TURN server', () => {
  const secret = 'north-of-the-wall'
  let coturn: Coturn
  beforeAll(async () => {
    coturn = await startCoturn(secret)
  })
  afterAll(async () => coturn?.stop())

  it.each([
    ['the browser may use nothing else', {}],
    ['neither side may use anything else', { RTC_RELAY_ONLY: '1' }],
  ])('she is seen where %s', async (_name, env) => {
    const relayed = await startSystem({ TURN_URLS: coturn.url, TURN_SECRET: secret, ICE_SERVERS: '[]', ...env })
    try {
      const relayedApi = new ApiClient(relayed)
      const { session_id, ice_servers: iceServers } = await relayedApi.expectOk<{
        session_id: string
        ice_servers: RTCIceServer[]
      }>('/v1/streaming.new', {})
      expect(iceServers[0]).toMatchObject({ urls: [coturn.url], username: expect.stringContaining(session_id) })
      const offer = await makeOffer(browser.page, { iceServers, relayOnly: true })
      const { sdp } = await relayedApi.expectOk<{ sdp: { sdp: string } }>('/v1/streaming.start', {
        session_id,
        sdp: { type: 'offer', sdp: offer },
      })
      // the candidates found since the offer: without them, a relay would let nothing through
      const candidates = await until('a candidate', async () => {
        const found = await browser.page.evaluate(() => globalThis.rtc.candidates)
        return found.length > 0 && found
      })
      const playing = applyAnswer(browser.page, sdp.sdp)
      for (const candidate of candidates) await relayedApi.expectOk('/v1/streaming.ice', { session_id, candidate })
      await playing
      expect((await inboundStats(browser.page)).pair).toMatch(/^relay/)
      if ('RTC_RELAY_ONLY' in env) expect(sdp.sdp.match(/typ \w+/g)).toEqual(expect.not.arrayContaining(['typ host']))
    } finally {
      await browser.page.evaluate(() => globalThis.rtc.pc.close())
      await relayed.stop()
    }
  })
})

describe('the microphone', () => {
  it('arrives as it was', async () => {
    const pcm: number[] = []
    const stream = await startMarkedStream(browser.page, { onMic: (piece) => pcm.push(...piece) })
    try {
      await until('four seconds of the microphone', () => pcm.length > 4 * MIC_SAMPLE_RATE)
    } finally {
      await stream.close()
    }
    const hz = Array.from({ length: 40 }, (_, i) => pcm.slice((i * MIC_SAMPLE_RATE) / 10, ((i + 1) * MIC_SAMPLE_RATE) / 10)).map(
      (window) => (window.slice(1).filter((sample, at) => sample < 0 !== (window[at] ?? 0) < 0).length / 2) * 10,
    )
    // a browser that is short of time leaves gaps; most of it is whole
    expect(hz.filter((each) => Math.abs(each - MIC_HZ) <= 20).length).toBeGreaterThan(20)
  })
})
