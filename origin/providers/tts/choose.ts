/** Which text-to-speech provider is used: the one place where the configuration decides it. */

import { createElevenLabsVoice } from './elevenlabs/index.ts'
import { createFliteVoice, createPronouncer } from './flite/index.ts'
import { createKokoroVoice } from './kokoro/index.ts'
import { createOpenAiVoice } from './openai.ts'
import type { Pronouncer, SpeechProvider } from './types.ts'

/** The part of the origin's configuration that is about text-to-speech. */
export interface TtsEnv {
  /** Undefined: `elevenlabs` where there is a key for it, else `flite`. */
  TTS_PROVIDER?: 'flite' | 'kokoro' | 'elevenlabs' | 'openai' | undefined
  ELEVENLABS_API_KEY?: string | undefined
  ELEVENLABS_BASE_URL?: string | undefined
  ELEVENLABS_MODEL: string
  OPENAI_API_KEY?: string | undefined
  OPENAI_BASE_URL?: string | undefined
  OPENAI_TTS_BASE_URL?: string | undefined
  OPENAI_TTS_MODEL: string
  OPENAI_TTS_VOICE: string
}

export interface ChosenTts {
  tts: SpeechProvider
  /** With a provider that knows the times of its text but not its phones. */
  pronouncer?: Pronouncer
}

const WORDS = /[\p{L}\p{M}\p{N}'\u2019]+/gu

/** @throws Error that names the variable to set; AvatarError `PROVIDER_FAILED` when the embedded voice cannot run here */
export async function chooseTts(env: TtsEnv): Promise<ChosenTts> {
  const provider = env.TTS_PROVIDER ?? (env.ELEVENLABS_API_KEY ? 'elevenlabs' : 'flite')
  switch (provider) {
    case 'flite':
      return { tts: await createFliteVoice() }
    case 'kokoro':
      return { tts: await createKokoroVoice({ pronouncer: await createPronouncer() }) }
    case 'openai':
      return {
        tts: createOpenAiVoice({
          apiKey: required(env.OPENAI_API_KEY, 'OPENAI_API_KEY', provider),
          baseUrl: env.OPENAI_TTS_BASE_URL ?? env.OPENAI_BASE_URL,
          model: env.OPENAI_TTS_MODEL,
          voice: env.OPENAI_TTS_VOICE,
        }),
      }
    case 'elevenlabs': {
      const apiKey = required(env.ELEVENLABS_API_KEY, 'ELEVENLABS_API_KEY', provider)
      const pronouncer = await createPronouncer()
      const tts = await createElevenLabsVoice({
        apiKey,
        baseUrl: env.ELEVENLABS_BASE_URL,
        model: env.ELEVENLABS_MODEL,
        // Words are looked up while their sound is being made.
        onText: (text) => void pronouncer.pronounce(text.match(WORDS) ?? []),
      })
      return { tts, pronouncer }
    }
  }
}

function required(value: string | undefined, variable: string, provider: string): string {
  if (value === undefined) throw new Error(`TTS_PROVIDER=${provider} needs ${variable}; set it, or leave TTS_PROVIDER out.`)
  return value
}
