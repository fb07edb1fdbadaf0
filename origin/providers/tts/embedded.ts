/** What the embedded voices have in common: how they are listed, what they cannot say, how they fail. */
import type { VoiceInfo, VoiceSettings } from '../../../shared/api.ts'
import { AvatarError } from '../../../shared/errors.ts'
import { JobError } from '../../workers/worker-client.ts'
import { speakableText } from './flite/text.ts'

/** Voices as callers see them. */
export function listed(voices: readonly VoiceInfo[]): VoiceInfo[] {
  return voices.map(({ voice_id, name, provider, language, default: isDefault }) => ({
    voice_id,
    name,
    provider,
    language,
    default: isDefault,
  }))
}

/** How much faster than its own pace a voice is to speak. */
export function speedOf({ speed = 1 }: VoiceSettings): number {
  return Math.min(2, Math.max(0.5, speed))
}

/** What a worker threw, as the caller is told it; what is no JobError stays. */
export function voiceFailure(thrown: unknown, provider: string): unknown {
  if (!(thrown instanceof JobError)) return thrown
  const message =
    thrown.kind === 'busy'
      ? 'The embedded voice has too much to say at once; try again in a moment.'
      : 'The embedded voice could not speak this; try again, or with another text.'
  return new AvatarError('PROVIDER_FAILED', message, { provider, reason: thrown.kind }, { cause: thrown })
}

/** What a text has that voices of English alone cannot say, as a warning; undefined where all of it can be said. */
export function englishShortcoming(text: string): string | undefined {
  const letters = text.match(/\p{L}/gu) ?? []
  const foreign = letters.filter((letter) => !/\p{Script=Latin}/u.test(letter)).length
  if (foreign === 0 && speakableText(text) !== '') return undefined
  const what = speakableText(text) === '' ? 'nothing in this text' : 'only the Latin letters of this text'
  return `The embedded voice speaks English and can say ${what}; set ELEVENLABS_API_KEY for other languages.`
}
