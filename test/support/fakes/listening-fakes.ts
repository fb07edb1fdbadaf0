/** Listening for tests: the shipped detector, recognisers that say what the test wants, and an avatar's speech that keeps what is done to it. */
import type { ListeningServices } from '../../../origin/listening/listener.ts'
import type { SpeechControl, UserSpeechTimes } from '../../../origin/listening/types.ts'
import { readVadWeights } from '../../../origin/listening/vad.ts'
import type { TranscriptionProvider } from '../../../origin/providers/stt/types.ts'

export const weights = readVadWeights('models/vad/vad.safetensors')

/** One utterance as a fake recogniser was given it. */
export interface Given {
  samples: number
  finished: boolean
  signal: AbortSignal
  /** What the recogniser says meanwhile. */
  partial: (text: string) => void
}

export interface FakeTranscription extends TranscriptionProvider {
  given: Given[]
  languages: (string | undefined)[]
  /** Lines that are open. */
  openLines: number
}

/** @param textOf the text of an utterance; may wait, or fail */
export function fakeTranscription(textOf: (given: Given) => string | Promise<string>, { live = false } = {}): FakeTranscription {
  const fake: FakeTranscription = {
    name: 'fake',
    live,
    given: [],
    languages: [],
    openLines: 0,
    open: ({ language }) => {
      fake.languages.push(language)
      fake.openLines += 1
      return {
        begin: ({ signal, onPartial }) => {
          const given: Given = { samples: 0, finished: false, signal, partial: onPartial }
          fake.given.push(given)
          return {
            push: (pcm) => {
              given.samples += pcm.length
            },
            finish: async () => {
              given.finished = true
              return await Promise.race([
                textOf(given),
                new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true })),
              ])
            },
          }
        },
        close: () => {
          fake.openLines -= 1
        },
      }
    },
    close: async () => undefined,
  }
  return fake
}

export function listeningServices(stt?: TranscriptionProvider): ListeningServices {
  return { stt, vad: weights }
}

/** The avatar's speech, as far as the listener controls it. */
export class FakeSpeech implements SpeechControl {
  speaking = false
  paused = false
  remainingMs = Number.POSITIVE_INFINITY
  /** What happened, in order. */
  readonly acts: string[] = []
  readonly times: (UserSpeechTimes | undefined)[] = []
  readonly echoReference = { recent: () => new Int16Array(24_000), untilMs: 0 }

  get current(): object | undefined {
    return this.speaking || this.paused ? this : undefined
  }
  pauseSpeech(): boolean {
    if (!this.speaking) return false
    this.speaking = false
    this.paused = true
    this.acts.push('pause')
    return true
  }
  resumeSpeech(): boolean {
    if (!this.paused) return false
    this.speaking = true
    this.paused = false
    this.acts.push('resume')
    return true
  }
  interrupt(): ReturnType<SpeechControl['interrupt']> {
    this.speaking = false
    this.paused = false
    this.acts.push('interrupt')
    return { status: 'interrupted', task_id: null, played_ms: 0, spoken_text: '', dropped_ms: 0 }
  }
  answer(text: string, times?: UserSpeechTimes): void {
    this.acts.push(`answer: ${text}`)
    this.times.push(times)
  }
}
