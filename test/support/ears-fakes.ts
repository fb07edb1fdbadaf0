/** Ears for tests: the shipped detector, and recognisers that say what the test wants. */
import type { EarParts } from '../../origin/ears/ear.ts'
import { readVadWeights } from '../../origin/ears/vad.ts'
import type { TranscriptionProvider } from '../../origin/providers/transcription.ts'

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

/** @param hear the text of an utterance; may wait, or fail */
export function fakeTranscription(hear: (given: Given) => string | Promise<string>, { live = false } = {}): FakeTranscription {
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
                hear(given),
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

export function ears(transcription?: TranscriptionProvider): EarParts {
  return { transcription, vad: weights }
}
