/** The streams of sound that clients send: what one client sends to one place goes through one decoder, however it is cut. */
import { AvatarError } from '../../shared/errors.ts'
import type { AudioData } from '../../shared/events.ts'
import { decodeBase64Audio } from '../codec/base64.ts'
import type { SessionServices } from './session-services.ts'

/** Clients of one session that send sound at one time; whoever has sent nothing for longest is forgotten. */
const MAX_STREAMS = 8

export type AudioStream = ReturnType<SessionServices['openAudio']>

export class AudioStreams {
  readonly #open: SessionServices['openAudio']
  /** The one that was used last stands last. */
  readonly #streams = new Map<string, AudioStream>()

  constructor(open: SessionServices['openAudio']) {
    this.#open = open
  }

  /** ms of sound that were taken and come with what follows. */
  get heldMs(): number {
    return [...this.#streams.values()].reduce((sum, { heldMs }) => sum + heldMs, 0)
  }

  /** What is complete with this message. @throws AvatarError, after which the client's next message begins a new stream */
  async push(clientId: string, { audio, ...hint }: AudioData): Promise<Int16Array> {
    const bytes = decodeBase64Audio(audio)
    const stream = this.#streams.get(clientId) ?? this.#open()
    this.#streams.delete(clientId)
    this.#streams.set(clientId, stream)
    const [oldest] = this.#streams
    if (this.#streams.size > MAX_STREAMS && oldest) {
      oldest[1].close()
      this.#streams.delete(oldest[0])
    }
    return stream.push(bytes, hint)
  }

  /** The rest of all streams, which are over. @throws AvatarError of the first that cannot be decoded, after all were ended */
  async finish(): Promise<Int16Array[]> {
    const ended = await Promise.allSettled([...this.#streams.values()].map((stream) => stream.finish()))
    this.close()
    const failed = ended.find((one) => one.status === 'rejected')
    if (failed) throw failed.reason instanceof Error ? failed.reason : new AvatarError('AUDIO_PROCESSING_ERROR', String(failed.reason))
    return ended.flatMap((one) => (one.status === 'fulfilled' && one.value.length > 0 ? [one.value] : []))
  }

  close(): void {
    for (const stream of this.#streams.values()) stream.close()
    this.#streams.clear()
  }
}
