/** Transport statistics of one session: of its WebRTC connection, or of what is sent to sockets. */
import { performance } from 'node:perf_hooks'
import { BINARY_KIND } from '../../shared/binary-media.ts'
import type { RelayClass } from '../../shared/link.ts'
import type { TransportStats } from '../../shared/stats.ts'
import type { PeerStats } from './peer-output.ts'

/** s over which rates are averaged: a clause of audio leaves at once and lasts up to 2.5 s. */
const SPAN_S = 5

interface SecondOfTraffic {
  index: number
  videoBytes: number
  audioBytes: number
  /** By form, since a frame may go out in both. */
  frames: { json: number; binary: number }
}

/** Counts what is sent to the edge for sockets. */
export class SocketMeter {
  readonly #now: () => number
  readonly #sinceS: number
  #seconds: SecondOfTraffic[] = []

  /** @param now ms */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now
    this.#sinceS = Math.floor(now() / 1000)
  }

  /** @param characters of the event's JSON: its bytes, but for what is not ASCII */
  event(relayClass: RelayClass, characters: number): void {
    if (relayClass === 'frame') this.#video(characters, 'json')
    else if (relayClass === 'clause' || relayClass === 'chunk') this.#second().audioBytes += characters
  }

  binary(message: Uint8Array): void {
    if (message[1] === BINARY_KIND.frame) this.#video(message.length, 'binary')
    else this.#second().audioBytes += message.length
  }

  /** Over the last whole seconds. */
  read(): { videoBps: number; audioBps: number; fps: number } {
    const now = Math.floor(this.#now() / 1000)
    const whole = this.#seconds.filter(({ index }) => index < now && index >= now - SPAN_S)
    const span = Math.max(1, Math.min(SPAN_S, now - this.#sinceS))
    const perSecond = (of: (second: SecondOfTraffic) => number): number => whole.reduce((sum, second) => sum + of(second), 0) / span
    return {
      videoBps: Math.round(8 * perSecond(({ videoBytes }) => videoBytes)),
      audioBps: Math.round(8 * perSecond(({ audioBytes }) => audioBytes)),
      fps: tenth(perSecond(({ frames }) => Math.max(frames.json, frames.binary))),
    }
  }

  #video(bytes: number, form: 'json' | 'binary'): void {
    const second = this.#second()
    second.videoBytes += bytes
    second.frames[form] += 1
  }

  #second(): SecondOfTraffic {
    const index = Math.floor(this.#now() / 1000)
    const newest = this.#seconds.at(-1)
    if (newest?.index === index) return newest
    const second: SecondOfTraffic = { index, videoBytes: 0, audioBytes: 0, frames: { json: 0, binary: 0 } }
    this.#seconds = [...this.#seconds.filter((kept) => kept.index >= index - SPAN_S), second]
    return second
  }
}

/** @param peer undefined without a WebRTC connection @param droppedFrames frames not sent to sockets, because the socket to the edge was congested */
export function transportStats(peer: PeerStats | undefined, sockets: SocketMeter, droppedFrames: number): TransportStats {
  if (peer?.state !== 'connected') {
    const { videoBps, audioBps, fps } = sockets.read()
    return {
      transport: 'socket',
      video_codec: null,
      candidate: null,
      video_bps: videoBps,
      audio_bps: audioBps,
      target_bps: null,
      fps,
      rtt_ms: null,
      jitter_ms: null,
      loss: null,
      freezes: 0,
      frames_dropped: droppedFrames,
      encode_ms: null,
    }
  }
  return {
    transport: 'webrtc',
    video_codec: peer.videoCodec ?? null,
    candidate: peer.path ?? null,
    video_bps: Math.round(peer.videoBps),
    audio_bps: Math.round(peer.audioBps),
    target_bps: peer.targetBps,
    fps: tenth(peer.fps),
    rtt_ms: peer.rttMs === undefined ? null : tenth(peer.rttMs),
    jitter_ms: tenth(peer.jitterMs),
    loss: Math.round(peer.loss * 1000) / 1000,
    freezes: peer.freezes,
    frames_dropped: peer.framesDropped,
    encode_ms: peer.encodeMs === undefined ? null : tenth(peer.encodeMs.p50),
  }
}

function tenth(value: number): number {
  return Math.round(value * 10) / 10
}
