/** Deterministic parts for the session engine: a voice whose length follows from the text, a mind that replays tokens. */

import type { LipSync, MouthFromPhones, MouthFromText } from '../../../origin/lipsync/types.ts'
import { NO_WANTS } from '../../../origin/media/socket-output.ts'
import { SocketMeter } from '../../../origin/media/transport-stats.ts'
import type { ChatProvider, ReplyPart } from '../../../origin/providers/llm/types.ts'
import type { SpeechProvider } from '../../../origin/providers/tts/types.ts'
import { Session } from '../../../origin/session/session.ts'
import type { SessionServices } from '../../../origin/session/session-services.ts'
import type { SessionSink } from '../../../origin/session/session-sink.ts'
import { createSpeechPipeline } from '../../../origin/turn/speech-pipeline.ts'
import type { OriginEvent, SessionEndReason } from '../../../shared/events.ts'
import { VISEMES } from '../../../shared/face.ts'
import type { MediaWants, RelayClass, SessionConfig } from '../../../shared/link.ts'
import { MOUTH_FPS, SAMPLE_RATE, TICK_MS } from '../../../shared/media.ts'
import { until } from '../until.ts'
import { listeningServices } from './listening-fakes.ts'
import { createLogger } from './silent-log.ts'

/** Seconds of speech for each character of text. */
export const SECONDS_PER_CHAR = 0.02

export const fakeTts: SpeechProvider = {
  name: 'fake',
  voices: [{ voice_id: 'fake_a', name: 'A', provider: 'fake', language: 'en', default: true }],
  defaultVoiceId: 'fake_a',
  async *speak({ text }, signal) {
    await Promise.resolve()
    signal.throwIfAborted()
    const durationS = text.length * SECONDS_PER_CHAR
    yield { pcm: new Int16Array(Math.round(durationS * SAMPLE_RATE)).fill(1000), phones: [{ name: 'aa', startS: 0, endS: durationS }] }
  },
  estimateDurationS: (text) => text.length * SECONDS_PER_CHAR,
  close: async () => undefined,
}

/** A mind that replays text and other parts of a reply. @param options.hang after all parts, until it is stopped */
export function fakeLlm(tokens: readonly (string | ReplyPart)[], options: { failAfter?: number; hang?: boolean } = {}): ChatProvider {
  return {
    name: 'fake',
    defaultModel: 'fake-model',
    async *reply(_request, signal) {
      for (const [i, token] of tokens.entries()) {
        if (i === options.failAfter) throw new Error('the mind broke')
        await Promise.resolve()
        signal.throwIfAborted()
        yield typeof token === 'string' ? { type: 'text', text: token } : token
      }
      if (options.hang) {
        await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }))
      }
    },
  }
}

/** Keeps what a session sends. */
export class RecordingSink implements SessionSink {
  readonly events: { relayClass: RelayClass; event: OriginEvent; to: string | undefined }[] = []
  readonly binaries: Uint8Array[] = []
  readonly activity: boolean[] = []
  ended: SessionEndReason | undefined
  congested = false
  readonly meter = new SocketMeter()

  sendEvent(relayClass: RelayClass, event: OriginEvent, to?: string): void {
    this.events.push({ relayClass, event, to })
  }
  sendBinary(message: Uint8Array): void {
    this.binaries.push(message)
  }
  /** What was told of WebRTC connections, in order. */
  readonly peers: number[] = []
  sendPeers(count: number): void {
    this.peers.push(count)
  }

  sendActivity(busy: boolean): void {
    this.activity.push(busy)
  }
  end(reason: SessionEndReason): void {
    this.ended = reason
  }

  of<T extends OriginEvent['type']>(type: T): Extract<OriginEvent, { type: T }>[] {
    return this.events.flatMap(({ event }) => (event.type === type ? [event as Extract<OriginEvent, { type: T }>] : []))
  }
  get types(): string[] {
    return this.events.filter(({ relayClass }) => relayClass === 'control').map(({ event }) => event.type)
  }
}

const CONFIG: SessionConfig = {
  session_id: '550e8400-e29b-41d4-a716-446655440000',
  avatar_id: 'avatar_1',
  voice_id: null,
  quality: 'low',
  created_at: 0,
  ice_servers: [],
}

export interface Rig {
  session: Session
  sink: RecordingSink
  services: SessionServices
  /** What the session's client wants. */
  wants: MediaWants
  /** Lets pending work settle, then runs ticks of the clock, frames included. */
  run: (ticks: number) => Promise<void>
  /** Ticks of the clock, and time for the network between, until something has happened. */
  runUntil: (what: string, check: () => boolean) => Promise<void>
}

/** What a test has of its own; the rest is as simple as it can be. */
export interface RigOptions extends Partial<Omit<SessionServices, 'avatars' | 'pipeline'>> {
  avatars?: Partial<SessionServices['avatars']>
  mouthFromPhones?: MouthFromPhones
  mouthFromText?: MouthFromText
}

export function createRig(
  { avatars, mouthFromText, mouthFromPhones = phonesToRows, tts = fakeTts, ...own }: RigOptions = {},
  config: Partial<SessionConfig> = {},
): Rig {
  const sink = new RecordingSink()
  const lipSync: LipSync = {
    open: () => ({ push: async (pcm) => rows(pcm.length), flush: async () => new Float32Array(0) }),
    close: async () => undefined,
  }
  const services: SessionServices = {
    tts,
    llm: fakeLlm(['Hello there. ', 'How are you?']),
    pipeline: createSpeechPipeline({ tts, lipSync, mouthFromPhones, mouthFromText }),
    listening: listeningServices(),
    avatars: { soundOf: () => undefined, canNod: () => true, ...avatars },
    openAudio: () => fakeAudio(SAMPLE_RATE),
    persona: 'persona',
    turnRecorder: { addLatency: () => undefined, addTurn: () => undefined },
    ...own,
  }
  const session = new Session({ config: { ...CONFIG, ...config }, sink, log: createLogger(), services })
  const wants: MediaWants = {
    ...NO_WANTS,
    frame_json: true,
    clause_json: true,
    chunk_json: true,
    chunk_binary: true,
    words: true,
  }
  session.want(wants, NO_WANTS)
  let dueMs = 0
  const run = async (ticks: number): Promise<void> => {
    for (let i = 0; i < ticks; i++) {
      await settle()
      dueMs += TICK_MS
      const prepared = session.prepare(dueMs)
      await settle()
      session.deliverSound(prepared)
      if (prepared.request) session.deliverFrame(prepared, { jpeg: new Uint8Array([i]), size: 360 })
    }
  }
  const runUntil = async (what: string, check: () => boolean): Promise<void> => {
    await until(what, async () => {
      if (check()) return true
      await run(1)
      return check()
    })
  }
  return { session, sink, services, wants, run, runUntil }
}

/** A decoder that gives so many samples for every message. */
export function fakeAudio(samples: number): ReturnType<SessionServices['openAudio']> {
  return { heldMs: 0, push: async () => new Int16Array(samples), finish: async () => new Int16Array(0), close: () => undefined }
}

const phonesToRows: MouthFromPhones = (_phones, durationS) => rows(durationS * SAMPLE_RATE)

/** Lets promises that are ready run. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 30; i++) await Promise.resolve()
}

function rows(samples: number): Float32Array {
  const frames = Math.ceil((samples / SAMPLE_RATE) * MOUTH_FPS)
  const mouth = new Float32Array(frames * VISEMES.length)
  for (let i = 0; i < frames; i++) mouth[i * VISEMES.length + VISEMES.indexOf('aa')] = 1
  return mouth
}
