/** From the end of the user's turn to the recogniser's request, at local servers that speak the vendors' protocols; sound comes in real time. */
import { performance } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import { SessionEvents } from '../origin/events/session-events.ts'
import { Listener } from '../origin/listening/listener.ts'
import type { VadWeights } from '../origin/listening/vad.ts'
import { createOpenAiTranscription } from '../origin/providers/stt/openai.ts'
import { createOpenAiLiveTranscription } from '../origin/providers/stt/openai-realtime.ts'
import type { TranscriptionProvider } from '../origin/providers/stt/types.ts'
import type { SessionSink } from '../origin/session/session-sink.ts'
import { FakeSpeech } from '../test/support/fakes/listening-fakes.ts'
import { createLogger } from '../test/support/fakes/silent-log.ts'
import { startRealtimeServer } from '../test/support/servers/realtime-server.ts'
import { startVendorServer } from '../test/support/servers/vendor-server.ts'
import { toPcm } from '../test/support/signals/noise.ts'
import type { TestSpeech } from '../test/support/signals/test-speech.ts'
import { until } from '../test/support/until.ts'
import { quantile, tenths } from './figures.ts'

const RATE = 16_000
const PACKET_MS = 20
const PACKET = (RATE * PACKET_MS) / 1000
/** Utterances for each recogniser, after a first one: what a process does for the first time takes longer. */
const UTTERANCES = 20
/** ms without speech after each: what ends a turn, what the detector trails, and the way to the answer. */
const REST_MS = 700
const TEXT = 'It was heard.'
const CREDENTIALS = { apiKey: 'sk-bench', model: 'bench' }

interface Recogniser {
  provider: TranscriptionProvider
  /** When each request had arrived, on `performance.now()`'s scale. */
  arrivedMs: number[]
  close(): Promise<void>
}

/** A request counts when its last byte has come. */
async function wholeUtterances(): Promise<Recogniser> {
  const server = await startVendorServer()
  const arrivedMs: number[] = []
  server.answer((exchange) => {
    arrivedMs.push(performance.now())
    exchange.json(200, { text: TEXT })
  })
  const provider = createOpenAiTranscription({ ...CREDENTIALS, baseUrl: `${server.url}/v1` })
  return { provider, arrivedMs, close: () => server.close() }
}

/** The sound is over already; what counts is the commit. */
async function asItComes(): Promise<Recogniser> {
  const arrivedMs: number[] = []
  const server = await startRealtimeServer((line, { type }) => {
    if (type !== 'input_audio_buffer.commit') return
    arrivedMs.push(performance.now())
    line.completed(line.committed(), TEXT)
  })
  const provider = createOpenAiLiveTranscription({ ...CREDENTIALS, baseUrl: server.url })
  return {
    provider,
    arrivedMs,
    close: async () => {
      await provider.close()
      await server.close()
    },
  }
}

/** Gives an listener these sounds as a microphone would. */
async function speakInto(listener: Listener, sounds: readonly Int16Array[]): Promise<void> {
  let dueMs = performance.now()
  for (const sound of sounds) {
    for (let at = 0; at < sound.length; at += PACKET) {
      dueMs += PACKET_MS
      await delay(Math.max(0, dueMs - performance.now()))
      listener.push(sound.subarray(at, at + PACKET))
    }
  }
}

/** ms from the end of each turn to its request. */
async function requestTimes(vad: VadWeights, sounds: readonly Int16Array[], { provider, arrivedMs, close }: Recogniser): Promise<number[]> {
  const speech = new FakeSpeech()
  const failures: Error[] = []
  const sendEvent: SessionSink['sendEvent'] = (_relayClass, event) => {
    if (event.type === 'error') failures.push(new Error(event.message))
  }
  const events = new SessionEvents({ sessionId: '550e8400-e29b-41d4-a716-446655440000', sink: { sendEvent }, log: createLogger() })
  const listener = new Listener({
    config: { language: 'en', turn_detection: undefined },
    services: { stt: provider, vad },
    speech,
    events,
    onChange: () => undefined,
  })
  try {
    listener.start()
    await speakInto(listener, sounds)
    await until('the last answer', () => (speech.times.length >= arrivedMs.length ? true : undefined))
    if (failures.length > 0) throw failures[0]
    if (arrivedMs.length !== sounds.length) throw new Error(`${sounds.length} utterances became ${arrivedMs.length} requests`)
    return speech.times.map((times, i) => (arrivedMs[i] ?? Number.NaN) - (times?.vadEndMs ?? Number.NaN))
  } finally {
    listener.close()
    await close()
  }
}

/** Both recognisers at once, each with an listener of its own that hears the utterances in turn, the second half a turn later. */
export async function benchRequests(vad: VadWeights, speech: readonly TestSpeech[]): Promise<Record<string, number>> {
  const rest = (REST_MS / 1000) * RATE
  const sounds = Array.from({ length: 1 + UTTERANCES }, (_, i) => {
    const said = toPcm(speech[i % speech.length]?.sound ?? new Float32Array(0))
    const sound = new Int16Array(said.length + rest)
    sound.set(said)
    return sound
  })
  const halfMs = (sounds[0]?.length ?? 0) / (2 * (RATE / 1000))
  const [[fileFirst = Number.NaN, ...file], [liveFirst = Number.NaN, ...live]] = await Promise.all([
    requestTimes(vad, sounds, await wholeUtterances()),
    delay(halfMs).then(async () => await requestTimes(vad, sounds, await asItComes())),
  ])
  return {
    request_utterances: UTTERANCES,
    request_file_p50_ms: tenths(quantile(file, 0.5)),
    request_file_p95_ms: tenths(quantile(file, 0.95)),
    request_file_first_ms: tenths(fileFirst),
    request_live_p50_ms: tenths(quantile(live, 0.5)),
    request_live_p95_ms: tenths(quantile(live, 0.95)),
    request_live_first_ms: tenths(liveFirst),
  }
}
