/** What clients send over the socket: audio to speak, and the user's voice. Acts in order of arrival. */
import { AvatarError, toAvatarError } from '../../shared/errors.ts'
import type { ForwardedEvent } from '../../shared/link.ts'
import type { SessionEvents } from '../events/session-events.ts'
import type { Listener } from '../listening/listener.ts'
import { AudioBuffer } from './audio-buffer.ts'
import { AudioStreams } from './audio-streams.ts'
import type { SessionServices } from './session-services.ts'
import type { Speech } from './speech.ts'

/** Messages that may wait for the one before them: twice what one socket may send in a second. */
const MAX_PENDING = 200
/** base64 characters of audio that may wait in them: four of the largest messages. */
const MAX_PENDING_CHARS = 32 << 20

export type QueuedEvent = Exclude<ForwardedEvent, { type: 'interrupt' }>

export interface ClientEventsOptions {
  openAudio: SessionServices['openAudio']
  events: SessionEvents
  speech: Pick<Speech, 'play'>
  listener: Listener
}

export class ClientEvents {
  readonly #options: ClientEventsOptions
  readonly #audioBuffer = new AudioBuffer()
  readonly #toSpeak: AudioStreams
  readonly #userAudio: AudioStreams
  #queue: Promise<void> = Promise.resolve()
  #pending = 0
  #pendingChars = 0
  #closed = false

  constructor(options: ClientEventsOptions) {
    this.#options = options
    this.#toSpeak = new AudioStreams(options.openAudio)
    this.#userAudio = new AudioStreams(options.openAudio)
  }

  /** The session is over. */
  close(): void {
    this.#closed = true
    this.#toSpeak.close()
    this.#userAudio.close()
  }

  handle(event: QueuedEvent, clientId: string): void {
    const { events } = this.#options
    const chars = audioCharsOf(event)
    if (this.#pending >= MAX_PENDING || (this.#pending > 0 && this.#pendingChars + chars > MAX_PENDING_CHARS)) {
      const message = 'Messages come faster than they can be worked on; this one was left out.'
      events.error(new AvatarError('RATE_LIMITED', message, { type: event.type }), { clientId })
      return
    }
    this.#pending += 1
    this.#pendingChars += chars
    this.#queue = this.#queue
      .then(() => this.#act(event, clientId))
      .catch((thrown: unknown) => events.error(toAvatarError(thrown), { clientId }))
      .finally(() => {
        this.#pending -= 1
        this.#pendingChars -= chars
      })
  }

  async #act(event: QueuedEvent, clientId: string): Promise<void> {
    const { events, speech, listener } = this.#options
    if (this.#closed) return
    switch (event.type) {
      case 'audio_buffer_append': {
        const beforeMs = this.#bufferedMs
        this.#audioBuffer.append(await this.#toSpeak.push(clientId, event.data))
        const bufferedMs = this.#bufferedMs
        events.reply(clientId, {
          type: 'audio_buffer_appended',
          buffered_ms: Math.round(bufferedMs),
          appended_ms: Math.max(0, Math.round(bufferedMs - beforeMs)),
        })
        return
      }
      case 'audio_buffer_commit': {
        for (const rest of await this.#toSpeak.finish()) this.#audioBuffer.append(rest)
        const duration_ms = Math.round(this.#audioBuffer.bufferedMs)
        if (duration_ms === 0) throw new AvatarError('AUDIO_BUFFER_EMPTY', 'There is nothing to speak: append sound first.')
        const turn = speech.play(this.#audioBuffer.take())
        events.publish({ type: 'audio_buffer_committed', task_id: turn.taskId, duration_ms })
        return
      }
      case 'audio_buffer_clear': {
        const cleared_ms = Math.round(this.#bufferedMs)
        this.#toSpeak.close()
        this.#audioBuffer.take()
        events.publish({ type: 'audio_buffer_cleared', cleared_ms })
        return
      }
      case 'start_listening':
        this.#userAudio.close()
        listener.start(event.data?.mode)
        return
      case 'user_audio_append': {
        if (!listener.listening) throw new AvatarError('INVALID_REQUEST', 'Send start_listening before user_audio_append.')
        await listener.append(await this.#userAudio.push(clientId, event.data))
        return
      }
      case 'stop_listening':
        await this.#endUserAudio()
        listener.stop()
        return
    }
  }

  get #bufferedMs(): number {
    return this.#audioBuffer.bufferedMs + this.#toSpeak.heldMs
  }

  /** What cannot be decoded of the end is told, and listening ends all the same. */
  async #endUserAudio(): Promise<void> {
    try {
      for (const rest of await this.#userAudio.finish()) await this.#options.listener.append(rest)
    } catch (thrown) {
      this.#options.events.error(toAvatarError(thrown))
    }
  }
}

function audioCharsOf(event: QueuedEvent): number {
  return event.type === 'audio_buffer_append' || event.type === 'user_audio_append' ? event.data.audio.length : 0
}
