/** What clients send over the socket: audio to speak, and the user's voice. Acts in order of arrival. */
import { AvatarError, toAvatarError } from '../../shared/errors.ts'
import type { ForwardedEvent } from '../../shared/link.ts'
import { toMs } from '../dsp/pcm.ts'
import type { SessionEvents } from '../events/session-events.ts'
import type { Listener } from '../listening/listener.ts'
import { AudioBuffer } from './audio-buffer.ts'
import type { SessionServices } from './session-services.ts'
import type { Speech } from './speech.ts'

/** Messages that may wait for the one before them: twice what one socket may send in a second. */
const MAX_PENDING = 200
/** base64 characters of audio that may wait in them: four of the largest messages. */
const MAX_PENDING_CHARS = 32 << 20

export type QueuedEvent = Exclude<ForwardedEvent, { type: 'interrupt' }>

export interface ClientEventsOptions {
  decodeAudio: SessionServices['decodeAudio']
  events: SessionEvents
  speech: Pick<Speech, 'play'>
  listener: Listener
}

export class ClientEvents {
  readonly #options: ClientEventsOptions
  readonly #audioBuffer = new AudioBuffer()
  #queue: Promise<void> = Promise.resolve()
  #pending = 0
  #pendingChars = 0

  constructor(options: ClientEventsOptions) {
    this.#options = options
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
    const { decodeAudio, events, speech, listener } = this.#options
    switch (event.type) {
      case 'audio_buffer_append': {
        const { pcm } = await decodeAudio(event.data)
        this.#audioBuffer.append(pcm)
        const buffered_ms = Math.round(this.#audioBuffer.bufferedMs)
        events.reply(clientId, { type: 'audio_buffer_appended', buffered_ms, appended_ms: Math.round(toMs(pcm.length)) })
        return
      }
      case 'audio_buffer_commit': {
        const duration_ms = Math.round(this.#audioBuffer.bufferedMs)
        if (duration_ms === 0) throw new AvatarError('AUDIO_BUFFER_EMPTY', 'There is nothing to speak: append sound first.')
        const turn = speech.play(this.#audioBuffer.take())
        events.publish({ type: 'audio_buffer_committed', task_id: turn.taskId, duration_ms })
        return
      }
      case 'audio_buffer_clear':
        events.publish({ type: 'audio_buffer_cleared', cleared_ms: Math.round(toMs(this.#audioBuffer.take().length)) })
        return
      case 'start_listening':
        listener.start(event.data?.mode)
        return
      case 'user_audio_append': {
        if (!listener.listening) throw new AvatarError('INVALID_REQUEST', 'Send start_listening before user_audio_append.')
        await listener.append((await decodeAudio(event.data)).pcm)
        return
      }
      case 'stop_listening':
        listener.stop()
        return
    }
  }
}

function audioCharsOf(event: QueuedEvent): number {
  return event.type === 'audio_buffer_append' || event.type === 'user_audio_append' ? event.data.audio.length : 0
}
