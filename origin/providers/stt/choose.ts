/** Which speech-to-text provider is used, by the configuration. */
import { AvatarError } from '../../../shared/errors.ts'
import { createOpenAiTranscription } from './openai.ts'
import { createOpenAiLiveTranscription } from './openai-realtime.ts'
import { createSherpaTranscription } from './sherpa.ts'
import type { TranscriptionProvider } from './types.ts'

const DEFAULT_MODELS = { openai: 'gpt-transcribe', 'openai-live': 'gpt-live-transcribe' } as const

/** The part of the origin's configuration that is about speech-to-text. */
export interface SttEnv {
  STT_PROVIDER?: 'openai' | 'openai-live' | 'sherpa' | undefined
  STT_API_KEY?: string | undefined
  STT_BASE_URL?: string | undefined
  STT_MODEL?: string | undefined
  SHERPA_MODEL_DIR?: string | undefined
  OPENAI_API_KEY?: string | undefined
  OPENAI_BASE_URL?: string | undefined
}

/**
 * Undefined where nothing is configured. A server without a key is asked with an empty one.
 *
 * @throws Error naming the variable that is missing, or the package
 */
export async function chooseStt(env: SttEnv): Promise<TranscriptionProvider | undefined> {
  const { STT_PROVIDER: provider = env.SHERPA_MODEL_DIR ? 'sherpa' : 'openai', SHERPA_MODEL_DIR: modelDir } = env
  if (provider === 'sherpa') {
    if (!modelDir) throw new Error('STT_PROVIDER=sherpa needs SHERPA_MODEL_DIR: the folder of an unpacked model')
    return await createSherpaTranscription({ modelDir })
  }
  const apiKey = env.STT_API_KEY ?? (env.STT_BASE_URL ? 'none' : env.OPENAI_API_KEY)
  if (apiKey === undefined) {
    if (env.STT_PROVIDER)
      throw new Error(`STT_PROVIDER=${provider} needs STT_API_KEY or OPENAI_API_KEY, or STT_BASE_URL of a server without keys`)
    return undefined
  }
  const options = { apiKey, baseUrl: env.STT_BASE_URL ?? env.OPENAI_BASE_URL, model: env.STT_MODEL ?? DEFAULT_MODELS[provider] }
  return provider === 'openai-live' ? createOpenAiLiveTranscription(options) : createOpenAiTranscription(options)
}

/** The error of `start_listening` where no provider is configured. */
export function sttUnavailable(): AvatarError {
  return new AvatarError(
    'STT_UNAVAILABLE',
    'This origin cannot hear: set OPENAI_API_KEY or STT_API_KEY (STT_BASE_URL for another server), or SHERPA_MODEL_DIR for a recogniser on its machine. Text works without.',
    { variables: ['OPENAI_API_KEY', 'STT_API_KEY', 'STT_BASE_URL', 'SHERPA_MODEL_DIR'] },
  )
}
