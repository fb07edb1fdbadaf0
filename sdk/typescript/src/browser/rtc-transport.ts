/**
 * Keeps video and sound coming by WebRTC: opens a connection, notices when it is dead, tries again. It is up while frames
 * come, whatever the connection says of itself.
 */

import type { AvatarError } from '../core/errors.ts'
import type { EventOf, EventSource } from '../core/session-events.ts'
import type { Signalling } from '../core/signalling.ts'
import { backoffMs } from '../core/wait.ts'
import { Peer, type PeerState } from './peer.ts'

/** An attempt that has not come through by then is given up, ms: slow TURN servers take a few seconds. */
const CONNECT_MS = 10_000
/** Pause before further attempts, ms. */
const RETRY_BASE_MS = 2_000
const RETRY_MAX_MS = 60_000
/** A connection that lost its network may find it again within this time, ms. */
const PATIENCE_MS = 4_000
/** Without a new frame for this long it is down; and for this long it is given up, ms. */
const STALLED_MS = 1_500
const DEAD_MS = 4_000
const WATCH_EVERY_MS = 500
/** After the server is back, a connection that shows nothing within this time died with it, ms. */
const SURVIVED_WITHIN_MS = 800

/** Why media comes another way now. */
export type TransportReason = 'connected' | 'not_connected' | 'lost' | 'stalled' | 'failed' | 'server_lost' | 'taken_over'

export interface RtcTransportOptions {
  session: EventSource
  signalling: Signalling
  video: HTMLVideoElement
  configuration: RTCConfiguration
  /** Frames come this way. */
  onUp: () => void
  /** They do not any more. */
  onDown: (reason: TransportReason) => void
  /** A frame was shown. */
  onFrame: () => void
  /** Before a connection's stream leaves the video element. */
  onLeave: () => void
}

export class RtcTransport {
  readonly #options: RtcTransportOptions
  readonly #offs: (() => void)[] = []
  #peer: Peer | undefined
  #microphone: MediaStreamTrack | undefined
  #up = false
  #attempts = 0
  #seenMs = Number.NEGATIVE_INFINITY
  #lookedMs = Number.NEGATIVE_INFINITY
  #retry: ReturnType<typeof setTimeout> | undefined
  #deadline: ReturnType<typeof setTimeout> | undefined
  /** The last word of the server: who has its media, and whether that was told since our offer. */
  #serverActive: EventOf<'transport'>['active'] = 'socket'
  #acknowledged = false
  #serverLost = false
  /** Somebody else of this session has the WebRTC connection: there is one. */
  #yielded = false
  #closed = false

  constructor(options: RtcTransportOptions) {
    this.#options = options
    const { session } = options
    const online = (): void => this.#again(0)
    const visible = (): void => {
      // nothing is shown in a hidden page: what was not seen is not missed
      this.#seenMs = performance.now()
    }
    addEventListener('online', online)
    document.addEventListener('visibilitychange', visible)
    const watch = setInterval(() => this.#look(), WATCH_EVERY_MS)
    this.#offs.push(
      () => removeEventListener('online', online),
      () => document.removeEventListener('visibilitychange', visible),
      () => clearInterval(watch),
      session.on('transport', (event) => this.#told(event)),
      session.on('session_state', ({ state }) => this.#serverChanged(state)),
    )
  }

  get up(): boolean {
    return this.#up
  }

  /** Whether the microphone's sound reaches the server this way. */
  get carriesMicrophone(): boolean {
    return this.#peer?.state === 'connected'
  }

  set microphone(track: MediaStreamTrack | undefined) {
    this.#microphone = track
    if (this.#peer) this.#peer.microphone = track
  }

  /** Tries now, unless it is being tried or up. */
  open(): void {
    if (this.#peer || this.#closed) return
    clearTimeout(this.#retry)
    this.#attempts += 1
    this.#acknowledged = false
    const { signalling, configuration, video } = this.#options
    const peer = new Peer({ signalling, configuration, microphone: this.#microphone, onState: (state) => this.#changed(peer, state) })
    this.#peer = peer
    this.#deadline = setTimeout(() => this.#giveUp('not_connected'), CONNECT_MS)
    video.srcObject = peer.media
    // refused where sound needs a gesture: whoever owns the element tries again with one
    void video.play().catch(() => undefined)
    this.#followFrames(peer)
    peer.open().catch((error: AvatarError) => {
      if (peer !== this.#peer) return
      this.#drop('failed')
      if (error.retryable) this.#again()
    })
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#retry)
    for (const off of this.#offs.splice(0)) off()
    this.#letGo()
  }

  stats(): Promise<RTCStatsReport> | undefined {
    return this.#peer?.stats()
  }

  // --- inside ---------------------------------------------------------------------------------------------------------

  #followFrames(peer: Peer): void {
    const { video } = this.#options
    const shown = (): void => {
      if (peer !== this.#peer) return
      this.#seenMs = performance.now()
      this.#options.onFrame()
      if (!this.#up) this.#rise()
      nextFrame(video, shown)
    }
    nextFrame(video, shown)
  }

  #rise(): void {
    this.#up = true
    this.#attempts = 0
    clearTimeout(this.#deadline)
    this.#options.onUp()
  }

  #fall(reason: TransportReason): void {
    if (!this.#up) return
    this.#up = false
    this.#options.onDown(reason)
  }

  #changed(peer: Peer, state: PeerState): void {
    if (peer !== this.#peer) return
    if (state === 'connected') {
      clearTimeout(this.#deadline)
      this.#seenMs = performance.now()
      // a hidden page shows no frame to go by
      if (document.hidden) this.#rise()
    } else if (state === 'disconnected') {
      this.#fall('lost')
      this.#deadline = setTimeout(() => this.#giveUp('lost'), PATIENCE_MS)
    } else if (state === 'failed') this.#giveUp('failed')
  }

  /** Frames may stop while the connection stands. */
  #look(): void {
    const now = performance.now()
    // a page that was held up itself has missed nothing yet
    if (now - this.#lookedMs > 2 * WATCH_EVERY_MS) this.#seenMs = now
    this.#lookedMs = now
    if (document.hidden || this.#peer?.state !== 'connected') return
    const silentMs = now - this.#seenMs
    if (silentMs > STALLED_MS) this.#fall('stalled')
    if (silentMs > DEAD_MS) this.#giveUp('stalled')
  }

  #told({ active, reason }: EventOf<'transport'>): void {
    const theirs = active === 'webrtc' && this.#serverActive === 'webrtc' && this.#acknowledged
    const was = this.#serverActive
    this.#serverActive = active
    if (active === 'webrtc') {
      if (theirs || !this.#peer) this.#yield()
      this.#acknowledged = true
      return
    }
    this.#acknowledged = false
    this.#yielded = false
    if (!this.#peer) {
      // whoever had it has gone: one of us may
      if (was === 'webrtc') this.#again()
      // of a connection that still connects, or comes back, its own state tells more
    } else if (reason !== 'not_connected') this.#fall('lost')
  }

  #serverChanged(state: EventOf<'session_state'>['state']): void {
    if (state === 'reconnecting') {
      this.#serverActive = 'socket'
      this.#serverLost = true
      this.#yielded = false
      this.#fall('server_lost')
      return
    }
    const lost = this.#serverLost
    this.#serverLost = false
    const backMs = performance.now()
    // it may have lost only its line to us: then frames go on
    const look = (): void => {
      if (this.#closed || this.#up || this.#seenMs > backMs) return
      if (lost || this.#peer?.state !== 'connecting') this.#drop('server_lost')
      this.#again(0)
    }
    setTimeout(look, this.#peer ? SURVIVED_WITHIN_MS : 0)
  }

  #yield(): void {
    if (this.#yielded) return
    clearTimeout(this.#retry)
    this.#yielded = true
    this.#up = false
    this.#options.onDown('taken_over')
    this.#letGo()
  }

  #giveUp(reason: TransportReason): void {
    // what the server takes for ours is somebody else's
    if (this.#serverActive === 'webrtc' && this.#acknowledged && reason === 'not_connected') this.#yield()
    this.#drop(reason)
    this.#again()
  }

  #again(inMs = RETRY_BASE_MS / 2 + backoffMs(this.#attempts, RETRY_BASE_MS, RETRY_MAX_MS)): void {
    if (this.#closed || this.#yielded || this.#peer) return
    if (inMs === 0) this.#attempts = 0
    clearTimeout(this.#retry)
    this.#retry = setTimeout(() => this.open(), inMs)
  }

  #drop(reason: TransportReason): void {
    this.#fall(reason)
    this.#letGo()
  }

  #letGo(): void {
    clearTimeout(this.#deadline)
    const peer = this.#peer
    this.#peer = undefined
    if (!peer) return
    this.#options.onLeave()
    this.#options.video.srcObject = null
    peer.close()
  }
}

/** Calls back when the next frame is on the screen. */
function nextFrame(video: HTMLVideoElement, shown: () => void): void {
  // missing in browsers of 2023 and before
  const { requestVideoFrameCallback }: Partial<HTMLVideoElement> = video
  if (requestVideoFrameCallback) {
    requestVideoFrameCallback.call(video, shown)
    return
  }
  const before = video.currentTime
  const look = (): void => {
    if (video.srcObject && video.currentTime !== before) shown()
    else if (video.srcObject) requestAnimationFrame(look)
  }
  requestAnimationFrame(look)
}
