/** A WebRTC client inside a test's page: offers, plays, and measures what it sees and hears. Runs in the browser; knows only the API. */
import type { Page } from 'playwright-core'
import { PATIENCE_MS } from '../patience.ts'

export interface RtcClientOptions {
  /** Offer this codec before others. */
  codec?: 'vp8' | 'h264'
  /** Send the (fake) microphone. */
  microphone?: boolean
  /** @default none */
  iceServers?: RTCIceServer[]
  /** Goes through a TURN server only. */
  relayOnly?: boolean
}

/** Level of the sound at a moment of the page's clock. */
export interface Heard {
  atMs: number
  rms: number
}

export interface InboundStats {
  framesDecoded: number
  framesDropped: number
  freezeCount: number
  totalFreezesDurationS: number
  /** ms, mean over all frames and over all sound. */
  videoJitterBufferMs: number
  audioJitterBufferMs: number
  packetsLost: number
  nackCount: number
  pliCount: number
  videoCodec: string
  /** Pair of candidate types in use, local first. */
  pair: string
  concealedSamples: number
  totalSamples: number
}

interface PageState {
  pc: RTCPeerConnection
  stream: MediaStream
  heard: Heard[]
  /** When frames were shown, ms, and their RTP timestamps. */
  shown: number[]
  stamps: number[]
  /** When dark turned to bright on the screen, by `watchFlashes`, ms. */
  flashes: number[]
  states: string[]
  /** Found since the offer. */
  candidates: RTCIceCandidateInit[]
}
declare global {
  var rtc: PageState
}

/** Makes the page's connection and answers its offer, with all candidates. */
export async function makeOffer(page: Page, options: RtcClientOptions = {}): Promise<string> {
  return await page.evaluate(async ({ codec, microphone, iceServers = [], relayOnly }: RtcClientOptions) => {
    const pc = new RTCPeerConnection({ iceServers, iceTransportPolicy: relayOnly ? 'relay' : 'all' })
    const stream = new MediaStream()
    const state: PageState = { pc, stream, heard: [], shown: [], stamps: [], flashes: [], states: [], candidates: [] }
    globalThis.rtc = state
    pc.addEventListener('connectionstatechange', () => state.states.push(pc.connectionState))
    pc.addEventListener('icecandidate', ({ candidate }) => candidate && state.candidates.push(candidate.toJSON()))
    pc.addEventListener('track', ({ track }) => stream.addTrack(track))
    const video = pc.addTransceiver('video', { direction: 'recvonly' })
    if (codec) {
      const all = RTCRtpReceiver.getCapabilities('video')?.codecs ?? []
      const first = all.filter(({ mimeType }) => mimeType.toLowerCase() === `video/${codec}`)
      video.setCodecPreferences([...first, ...all.filter(({ mimeType }) => /rtx/i.test(mimeType))])
    }
    const mic = microphone
      ? await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false } })
      : undefined
    const track = mic?.getAudioTracks()[0]
    if (track && mic) pc.addTransceiver(track, { direction: 'sendrecv', streams: [mic] })
    else pc.addTransceiver('audio', { direction: 'recvonly' })
    await pc.setLocalDescription(await pc.createOffer())
    return pc.localDescription?.sdp ?? ''
  }, options)
}

/** Applies the answer and begins to play and to measure. @returns ms from here to the first decoded frame */
export async function applyAnswer(page: Page, sdp: string): Promise<number> {
  return await page.evaluate(
    async ({ answer, patienceMs }) => {
      const { pc, stream, heard, shown, stamps } = globalThis.rtc
      const startMs = performance.now()
      await pc.setRemoteDescription({ type: 'answer', sdp: answer })
      const video = document.querySelector('video')
      if (!video) throw new Error('the page has no video element')
      video.srcObject = stream
      const context = new AudioContext()
      const analyser = new AnalyserNode(context, { fftSize: 256 })
      // the element must play for sound to flow; what is measured is what it plays
      context.createMediaStreamSource(stream).connect(analyser)
      const samples = new Float32Array(analyser.fftSize)
      setInterval(() => {
        analyser.getFloatTimeDomainData(samples)
        heard.push({ atMs: performance.now(), rms: Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length) })
        if (heard.length > 60_000) heard.shift()
      }, 5)
      const firstMs = await new Promise<number>((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`no frame came; connection: ${globalThis.rtc.states.join(', ')}`)), patienceMs)
        const seen = (_now: number, { rtpTimestamp }: VideoFrameCallbackMetadata): void => {
          clearTimeout(timer)
          shown.push(performance.now())
          if (rtpTimestamp !== undefined) stamps.push(rtpTimestamp)
          resolve(performance.now() - startMs)
          video.requestVideoFrameCallback(seen)
        }
        video.requestVideoFrameCallback(seen)
      })
      return firstMs
    },
    { answer: sdp, patienceMs: PATIENCE_MS },
  )
}

/** Writes down from now on when the frame turns from dark to bright. */
export async function watchFlashes(page: Page): Promise<void> {
  await page.evaluate(() => {
    const video = document.querySelector('video')
    const context = new OffscreenCanvas(8, 8).getContext('2d', { willReadFrequently: true })
    const { flashes } = globalThis.rtc
    let before = true
    const look = (_now: number, { expectedDisplayTime }: VideoFrameCallbackMetadata): void => {
      if (!video || !context) return
      context.drawImage(video, 0, 0, 8, 8)
      const bright = (context.getImageData(4, 4, 1, 1).data[0] ?? 0) > 128
      if (bright && !before) flashes.push(expectedDisplayTime)
      before = bright
      video.requestVideoFrameCallback(look)
    }
    video?.requestVideoFrameCallback(look)
  })
}

export async function inboundStats(page: Page): Promise<InboundStats> {
  return await page.evaluate(async () => {
    const result: InboundStats = {
      framesDecoded: 0,
      framesDropped: 0,
      freezeCount: 0,
      totalFreezesDurationS: 0,
      videoJitterBufferMs: 0,
      audioJitterBufferMs: 0,
      packetsLost: 0,
      nackCount: 0,
      pliCount: 0,
      videoCodec: '',
      pair: '',
      concealedSamples: 0,
      totalSamples: 0,
    }
    const report = await globalThis.rtc.pc.getStats()
    // biome-ignore lint/suspicious/noExplicitAny: the DOM's types leave the entries' fields out
    report.forEach((entry: any) => {
      if (entry.type === 'inbound-rtp') {
        result.packetsLost += entry.packetsLost
        result.nackCount += entry.nackCount ?? 0
        const bufferMs = (entry.jitterBufferDelay / Math.max(1, entry.jitterBufferEmittedCount)) * 1000
        if (entry.kind === 'video') {
          result.framesDecoded = entry.framesDecoded
          result.framesDropped = entry.framesDropped
          result.freezeCount = entry.freezeCount
          result.totalFreezesDurationS = entry.totalFreezesDuration
          result.pliCount = entry.pliCount
          result.videoJitterBufferMs = bufferMs
          result.videoCodec = report.get(entry.codecId)?.mimeType ?? ''
        } else {
          result.audioJitterBufferMs = bufferMs
          result.concealedSamples = entry.concealedSamples - (entry.silentConcealedSamples ?? 0)
          result.totalSamples = entry.totalSamplesReceived
        }
      }
      if (entry.type === 'candidate-pair' && entry.nominated && entry.state === 'succeeded') {
        const type = (id: string): string => report.get(id)?.candidateType ?? '?'
        result.pair = `${type(entry.localCandidateId)}/${type(entry.remoteCandidateId)}`
      }
    })
    return result
  })
}

/** Sound since a moment of the page's clock. */
export async function heardSince(page: Page, atMs: number): Promise<Heard[]> {
  return await page.evaluate((since) => globalThis.rtc.heard.filter((heard) => heard.atMs >= since), atMs)
}

export async function pageNow(page: Page): Promise<number> {
  return await page.evaluate(() => performance.now())
}

/** Longest pause between shown frames since a moment, ms. */
export async function longestPause(page: Page, atMs: number): Promise<number> {
  return await page.evaluate((since) => {
    const times = globalThis.rtc.shown.filter((time) => time >= since)
    return Math.max(0, ...times.slice(1).map((time, i) => time - (times[i] ?? time)))
  }, atMs)
}
