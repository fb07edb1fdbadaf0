/** A session on the page, by WebRTC where that works and over the socket where it does not. */

import { Emitter, type Handler } from '../core/emitter.ts'
import type { ConnectOptions } from '../core/options.ts'
import type { SessionConnection } from '../core/session-connection.ts'
import type { MediaEvent } from '../core/session-events.ts'
import type { Signalling } from '../core/signalling.ts'
import { RtcTransport, type TransportReason } from './rtc-transport.ts'
import type { Screen, ScreenOptions } from './screen.ts'
import { SocketMedia } from './socket-media.ts'

const GESTURES = ['pointerdown', 'keydown', 'touchend'] as const

export type Transport = 'webrtc' | 'socket'
export type { TransportReason } from './rtc-transport.ts'

/** Video and sound come another way from now on. */
export interface TransportChange {
  type: 'transportchange'
  transport: Transport
  reason: TransportReason
}

export interface ViewOptions extends ScreenOptions {
  /** `auto`: by WebRTC, and over the socket while that does not work. @default 'auto' */
  transport?: 'auto' | 'socket'
  /** For the WebRTC connection, e.g. `iceTransportPolicy`, or other `iceServers` than the session's. */
  rtcConfiguration?: RTCConfiguration
  /** Further events of a session that is not connected yet, as in `connect()`. */
  events?: ConnectOptions['events']
  /** How long media of the socket is held back to even out the network, ms; grows by itself where that is too little. @default 100 */
  bufferMs?: number
  /** @default false */
  muted?: boolean
  /** The first frame is on the screen. */
  onFirstFrame?: () => void
  /**
   * A frame is on the screen.
   *
   * @param timestampMs when it was due, on the server's clock; undefined by WebRTC
   * @param skewMs how late it was against what is heard, or against its time in silence; undefined by WebRTC, where the browser sees to it
   */
  onFrame?: (timestampMs: number | undefined, skewMs: number | undefined) => void
  /** The first sound of a task will be heard at this `performance.now()`; by WebRTC, about then. */
  onSpeech?: (heardAtMs: number) => void
  /** Whether sound is allowed and wanted has changed. */
  onSoundChange?: () => void
}

/** @internal */
export interface ViewParts {
  session: SessionConnection
  signalling: Signalling
  screen: Screen
  options: ViewOptions
}

export interface ViewStats {
  transport: Transport
  framesShown: number
  /** Of the socket: left out because they came too late. */
  framesDropped: number
  soundUnderruns: number
  bufferMs: number
  outputLatencyMs: number
}

export class View {
  readonly #session: SessionConnection
  readonly #signalling: Signalling
  readonly #options: ViewOptions
  readonly #screen: Screen
  readonly #socket: SocketMedia
  readonly #line: RtcTransport | undefined
  readonly #emitter: Emitter<{ transportchange: [event: TransportChange] }>
  readonly #offs: (() => void)[] = []
  #muted: boolean
  #rtcFrames = 0
  #shownFirst = false
  /** The socket was asked for media beside somebody else's WebRTC. */
  #beside = false
  #stopped = false
  /** Resolves when something was shown, or never will be. */
  readonly #settled = Promise.withResolvers<void>()

  /** @internal made by `session.attach()` and `session.startStream()` */
  constructor({ session, signalling, screen, options }: ViewParts) {
    this.#session = session
    this.#signalling = signalling
    this.#options = options
    this.#screen = screen
    this.#muted = options.muted ?? false
    this.#emitter = new Emitter((error) => reportError(error))
    this.#socket = new SocketMedia({
      canvas: screen.canvas,
      bufferMs: options.bufferMs,
      onFrame: (timestampMs, skewMs) => {
        if (!this.#line?.up) screen.drawn()
        this.#shown(timestampMs, skewMs)
      },
      onSpeech: (heardAtMs) => options.onSpeech?.(heardAtMs),
    })
    this.#socket.sound.muted = this.#muted
    this.#follow()
    this.#awaitGesture()
    if ((options.transport ?? 'auto') === 'auto' && 'RTCPeerConnection' in globalThis) this.#line = this.#openLine()
  }

  /** What carries video and sound now. */
  get transport(): Transport {
    return this.#line?.up ? 'webrtc' : 'socket'
  }

  get video(): HTMLVideoElement {
    return this.#screen.video
  }

  /** Where frames of the socket are drawn; hidden while WebRTC carries them. */
  get canvas(): HTMLCanvasElement {
    return this.#screen.canvas
  }

  /** Whether sound can be heard: the browser allows it and it is not muted. */
  get audible(): boolean {
    return this.#socket.sound.running && !this.#muted
  }

  get muted(): boolean {
    return this.#muted
  }

  set muted(muted: boolean) {
    this.#muted = muted
    this.#socket.sound.muted = muted
    this.#applySound()
  }

  get stats(): ViewStats {
    const { framesShown, ...socket } = this.#socket.stats
    return { transport: this.transport, ...socket, framesShown: framesShown + this.#rtcFrames }
  }

  /** The browser's own figures of the WebRTC connection; undefined without one. */
  rtcStats(): Promise<RTCStatsReport> | undefined {
    return this.#line?.stats()
  }

  /** Calls the handler with each change; returns the function that takes it off again. */
  on(type: 'transportchange', handler: Handler<[event: TransportChange]>): () => void {
    return this.#emitter.on(type, handler)
  }

  /** Asks the browser for sound; call it in a gesture of the user. */
  async startSound(): Promise<boolean> {
    const asked = this.#socket.sound.start()
    // while the gesture lasts
    if (!this.#muted && this.#line?.up) this.#screen.video.muted = false
    await asked
    this.#applySound()
    return this.audible
  }

  /** Takes the session off the page; the connection stays. Safe to call twice. */
  stop(): void {
    if (this.#stopped) return
    this.#stopped = true
    this.#settled.resolve()
    for (const off of this.#offs.splice(0)) off()
    this.#line?.close()
    this.#socket.close()
    this.#screen.remove()
  }

  /** @internal The microphone's way, while there is one. */
  get line(): RtcTransport | undefined {
    return this.#line
  }

  /** @internal Resolves when something is to be seen, or it will not be soon. */
  async ready(withinMs: number): Promise<void> {
    const timer = setTimeout(() => this.#settled.resolve(), withinMs)
    await this.#settled.promise
    clearTimeout(timer)
  }

  // --- inside ---------------------------------------------------------------------------------------------------------

  #openLine(): RtcTransport {
    const session = this.#session
    const line = new RtcTransport({
      session,
      signalling: this.#signalling,
      video: this.#screen.video,
      // the types differ in whether undefined may be written out
      configuration: { iceServers: session.ice_servers as RTCIceServer[], bundlePolicy: 'max-bundle', ...this.#options.rtcConfiguration },
      onUp: () => {
        this.#screen.showVideo()
        this.#socket.sound.flush()
        if (this.#beside) session.reopen({ webrtc: 'instead' })
        this.#beside = false
        this.#changed('webrtc', 'connected')
      },
      onDown: (reason) => {
        this.#screen.showCanvas()
        if (reason === 'taken_over') session.reopen({ webrtc: 'beside' })
        this.#beside ||= reason === 'taken_over'
        this.#changed('socket', reason)
      },
      onFrame: () => {
        this.#rtcFrames += 1
        this.#shown(undefined, undefined)
      },
      onLeave: () => this.#screen.showCanvas(),
    })
    return line
  }

  #follow(): void {
    const session = this.#session
    const socket = this.#socket
    this.#offs.push(
      session.on('media', (media) => this.#receive(media)),
      session.on('interrupting', ({ next }) => socket.silence(next)),
      session.on('speech_paused', () => socket.sound.flush()),
      session.on('interrupted', ({ generation }) => socket.advance(generation)),
      session.on('speech_started', () => {
        socket.speechStarted()
        if (this.#line?.up) this.#options.onSpeech?.(performance.now())
      }),
      session.on('session_state', ({ state, resumed }) => {
        if (state === 'live' && !resumed) socket.restart()
      }),
      session.on('connection', ({ state }) => {
        if (state === 'open') socket.resetClock()
        else if (state === 'reconnecting') socket.sound.flush()
        else if (state === 'closed') this.#line?.close()
      }),
    )
  }

  #receive(media: MediaEvent): void {
    if (!this.#line?.up) this.#socket.receive(media)
  }

  #changed(transport: Transport, reason: TransportReason): void {
    this.#applySound()
    this.#emitter.emit('transportchange', { type: 'transportchange', transport, reason })
  }

  #shown(timestampMs: number | undefined, skewMs: number | undefined): void {
    if (!this.#shownFirst) this.#options.onFirstFrame?.()
    this.#shownFirst = true
    this.#settled.resolve()
    this.#options.onFrame?.(timestampMs, skewMs)
  }

  /** A video with sound that is not allowed would not play at all. */
  #applySound(): void {
    const { video } = this.#screen
    video.muted = !this.audible
    this.#screen.needsGesture = !this.#socket.sound.running
    if (video.srcObject && video.paused) {
      video.play().catch(() => {
        video.muted = true
        void video.play().catch(() => undefined)
      })
    }
    this.#options.onSoundChange?.()
  }

  /** Sound begins with whatever the user does first. */
  #awaitGesture(): void {
    const start = (): void => void this.startSound()
    for (const type of GESTURES) document.addEventListener(type, start, { capture: true })
    const stopWaiting = (): void => {
      for (const type of GESTURES) document.removeEventListener(type, start, { capture: true })
    }
    this.#offs.push(stopWaiting)
    this.#socket.sound.onStateChange(() => {
      if (this.#stopped) return
      if (this.#socket.sound.running) stopWaiting()
      this.#applySound()
    })
    this.#screen.video.muted = true
    // allowed without a gesture where the user has been here before
    start()
  }
}
