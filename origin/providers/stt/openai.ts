/** What the user said, from any OpenAI-compatible server (audio transcriptions): one WAV an utterance. */
import type OpenAI from 'openai'
import { wavHeader } from '../../codec/wav.ts'
import { concatPcm } from '../../dsp/pcm.ts'
import { createOpenAiClient } from '../openai-client.ts'
import { vendorFailure } from '../vendor-failure.ts'
import { STT_SAMPLE_RATE, type TranscriptionProvider, type TranscriptOptions } from './types.ts'

export interface OpenAiTranscriptionOptions {
  apiKey: string
  baseUrl?: string | undefined
  model: string
}

export function createOpenAiTranscription({ apiKey, baseUrl, model }: OpenAiTranscriptionOptions): TranscriptionProvider {
  const client = createOpenAiClient({ apiKey, baseUrl })
  return {
    name: 'openai',
    live: false,
    open: ({ language }) => ({
      begin: ({ signal }) => {
        const pieces: Int16Array<ArrayBuffer>[] = []
        return {
          push: (pcm) => void pieces.push(pcm.slice()),
          finish: () => transcribe(client, pieces, { apiKey, model, language, signal }),
        }
      },
      close: () => undefined,
    }),
    close: async () => undefined,
  }
}

async function transcribe(
  client: OpenAI,
  pieces: readonly Int16Array<ArrayBuffer>[],
  { apiKey, model, language, signal }: { apiKey: string; model: string; language: string | undefined } & Pick<TranscriptOptions, 'signal'>,
): Promise<string> {
  // a form reads a file of many pieces one after the other, which takes longer than to join them: 10 ms for three seconds
  const sound = concatPcm(pieces)
  const file = new File([wavHeader(sound.byteLength, STT_SAMPLE_RATE), sound], 'speech.wav', { type: 'audio/wav' })
  try {
    const { text } = await client.audio.transcriptions.create({ model, file, ...(language ? { language } : {}) }, { signal })
    return text.trim()
  } catch (thrown) {
    signal.throwIfAborted()
    throw transcriptionFailure(thrown, 'openai', apiKey)
  }
}

export function transcriptionFailure(thrown: unknown, provider: string, apiKey: string): Error {
  return vendorFailure(thrown, {
    provider,
    keyVariable: 'STT_API_KEY (or OPENAI_API_KEY)',
    key: apiKey,
    notFound: 'STT_MODEL and STT_BASE_URL',
  })
}
