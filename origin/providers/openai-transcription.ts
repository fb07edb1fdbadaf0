/** What the user said, from any OpenAI-compatible server (audio transcriptions). */
import { toFile } from 'openai'
import { createOpenAiClient, openAiFailure } from './openai-chat.ts'
import type { TranscriptionProvider } from './types.ts'

export function createOpenAiTranscription(options: { apiKey: string; baseUrl?: string | undefined; model: string }): TranscriptionProvider {
  const client = createOpenAiClient(options)
  return {
    name: 'openai',
    async transcribe(wav, signal) {
      try {
        const file = await toFile(wav, 'speech.wav', { type: 'audio/wav' })
        const { text } = await client.audio.transcriptions.create({ model: options.model, file }, { signal })
        return text.trim()
      } catch (thrown) {
        signal.throwIfAborted()
        throw openAiFailure(thrown, { apiKey: options.apiKey, notFound: 'OPENAI_TRANSCRIPTION_MODEL and OPENAI_BASE_URL' })
      }
    },
  }
}
