/** Listening to the user's microphone: by WebRTC while that stands, else over the socket. */
import { type Listening, type ListeningSession, type ListenOptions, VoiceSender } from '../core/listening.ts'
import { MICROPHONE_RATE, Microphone } from './microphone.ts'
import type { RtcTransport } from './rtc-transport.ts'

/** Sound by WebRTC is this much later at the server than a message on the socket, ms. */
const RTC_BEHIND_MS = 120

export interface MicrophoneOptions extends ListenOptions {
  /** Of `navigator.mediaDevices.enumerateDevices()`. @default the usual microphone */
  deviceId?: string
  /** How loud the user is, 0 (silence) to 1, about 23 times a second. */
  onLevel?: (level: number) => void
}

export interface MicrophoneWay {
  session: ListeningSession
  /** The WebRTC connection of now, if there is one. */
  line: () => RtcTransport | undefined
}

export class MicrophoneListening implements Listening {
  readonly #voice: VoiceSender
  readonly #line: () => RtcTransport | undefined
  #microphone: Microphone | undefined
  #level = 0

  /** @internal made by `session.listen()` @throws AvatarError MICROPHONE_DENIED and the like, STT_UNAVAILABLE */
  static async open({ session, line }: MicrophoneWay, options: MicrophoneOptions): Promise<MicrophoneListening> {
    options.signal?.throwIfAborted()
    const listening = new MicrophoneListening(session, options, line)
    try {
      const microphone = await Microphone.open(options.deviceId, {
        onTrack: (track) => listening.#route(track),
        onLevel: (level) => {
          listening.#level = listening.muted ? 0 : level
          options.onLevel?.(listening.#level)
        },
        onSound: (pcm) => listening.#hear(pcm),
        onLost: (error) => listening.#lost(error),
      })
      listening.#voice.onEnd(() => {
        microphone.close()
        listening.#route(undefined)
      })
      listening.#microphone = microphone
      options.signal?.throwIfAborted()
      await listening.#voice.start(options.signal)
      return listening
    } catch (error) {
      listening.end(error)
      throw error
    }
  }

  private constructor(session: ListeningSession, options: MicrophoneOptions, line: () => RtcTransport | undefined) {
    this.#line = line
    this.#voice = new VoiceSender(session, options, async () => {
      if (line()?.carriesMicrophone) await new Promise((resolve) => setTimeout(resolve, RTC_BEHIND_MS))
    })
  }

  /** How loud the user is now, 0 (silence) to 1. */
  get level(): number {
    return this.#level
  }

  get finished(): Promise<void> {
    return this.#voice.finished
  }

  get active(): boolean {
    return this.#voice.active
  }

  get muted(): boolean {
    return this.#voice.muted
  }

  mute(muted = true): void {
    this.#voice.mute(muted)
    this.#microphone?.mute(muted)
  }

  /** Another microphone; the one from before goes on where that cannot be had. @throws AvatarError MICROPHONE_DENIED and the like */
  async setDevice(deviceId: string | undefined): Promise<void> {
    await this.#microphone?.setDevice(deviceId)
  }

  /** @internal A connection came into being: the microphone is to go by it. */
  attachTo(line: RtcTransport): void {
    line.microphone = this.active ? this.#microphone?.track : undefined
  }

  stop(error?: unknown): Promise<void> {
    return this.#voice.stop(error)
  }

  /** @internal It is over without a word to the server. */
  end(error?: unknown): void {
    this.#voice.end(error)
  }

  #route(track: MediaStreamTrack | undefined): void {
    const line = this.#line()
    if (line) line.microphone = track
  }

  #hear(pcm: Int16Array): void {
    if (this.#line()?.carriesMicrophone) this.#voice.discard()
    else this.#voice.push(pcm, MICROPHONE_RATE)
  }

  #lost(error: unknown): void {
    void this.stop(error)
  }
}
