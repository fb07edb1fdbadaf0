/** A listener with the shipped detector, alone: what it is given, and what it does. */

import { SessionEvents } from '../../../origin/events/session-events.ts'
import { Listener } from '../../../origin/listening/listener.ts'
import type { TranscriptionProvider } from '../../../origin/providers/stt/types.ts'
import type { SessionSink } from '../../../origin/session/session-sink.ts'
import type { OriginEvent } from '../../../shared/events.ts'
import { TurnDetection } from '../../../shared/turn-detection.ts'
import { toPcm } from '../signals/noise.ts'
import { embeddedSpeech } from '../signals/test-speech.ts'
import { FakeSpeech, listeningServices } from './listening-fakes.ts'
import { createLogger } from './silent-log.ts'

type ErrorEvent = Extract<OriginEvent, { type: 'error' }>

/** Hz of its input. */
export const RATE = 16_000
const PACKET = RATE / 50

export interface ListenerRig {
  listener: Listener
  speech: FakeSpeech
  events: OriginEvent[]
  levels: OriginEvent[]
  errors: ErrorEvent[]
  /** Sound as the microphone gives it, all at once. */
  push: (pcm: Int16Array) => void
}

export function listenerRig(transcription: TranscriptionProvider | undefined, settings: Partial<TurnDetection> = {}): ListenerRig {
  const speech = new FakeSpeech()
  const made = { speech, events: [] as OriginEvent[], levels: [] as OriginEvent[], errors: [] as ErrorEvent[] }
  const sendEvent: SessionSink['sendEvent'] = (relayClass, event) => {
    if (event.type === 'error') made.errors.push(event)
    else if (relayClass === 'level') made.levels.push(event)
    else made.events.push(event)
  }
  const events = new SessionEvents({ sessionId: '550e8400-e29b-41d4-a716-446655440000', sink: { sendEvent }, log: createLogger() })
  events.wants = { words: false, levels: true }
  const listener = new Listener({
    config: { language: 'en', turn_detection: TurnDetection.parse(settings) },
    services: listeningServices(transcription),
    speech,
    events,
    onChange: () => undefined,
  })
  const push = (pcm: Int16Array): void => {
    for (let at = 0; at < pcm.length; at += PACKET) listener.push(pcm.subarray(at, at + PACKET))
  }
  return { listener, push, ...made }
}

export const silence = (ms: number): Int16Array => new Int16Array((RATE * ms) / 1000)

export const types = (events: readonly OriginEvent[]): string[] => events.map(({ type }) => type)

/** About two seconds, of a voice that the detector was not trained with. */
export async function userVoice(): Promise<Int16Array> {
  const [said] = await embeddedSpeech(['flite_rms'], ['Wait a moment, that is not what I meant.'])
  return toPcm(said?.sound ?? new Float32Array(0))
}
