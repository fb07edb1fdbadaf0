/** What the origin asks of a text-to-speech provider. Providers are the only code that speaks a vendor's protocol. */
import type { VoiceInfo, VoiceSettings } from '../../../shared/api.ts'

/** A speech sound with its place in the audio of its clause, seconds from the clause's first sample. */
export interface Phone {
  /** CMU phone name in lower case (`p`, `iy`, `hh`); `pau` for silence. */
  name: string
  startS: number
  endS: number
}

/** A written character with its place in the audio of its clause, seconds from the clause's first sample. */
export interface CharacterTime {
  text: string
  startS: number
  endS: number
}

/** A piece of a clause's sound. Pieces come in order and are contiguous. */
export interface SpeechPiece {
  /** 16-bit PCM, mono, SAMPLE_RATE Hz. */
  pcm: Int16Array
  /** All phones of the clause, on its first piece, from providers that know them. */
  phones?: Phone[]
  /** Characters whose times became known with this piece, in order, from providers that know characters but no phones. */
  characters?: CharacterTime[]
}

export interface SpeechRequest {
  /** A clause: at most a sentence. */
  text: string
  voiceId: string
  settings: VoiceSettings
}

export interface SpeechProvider {
  readonly name: string
  readonly voices: readonly VoiceInfo[]
  readonly defaultVoiceId: string
  /** Speech of one clause, as it becomes ready. @throws AvatarError `PROVIDER_FAILED`; rejects with the signal's reason when aborted */
  speak(request: SpeechRequest, signal: AbortSignal): AsyncIterable<SpeechPiece>
  /** What of a text this provider cannot speak, as a warning for the caller; undefined where it can speak all of it. */
  shortcoming?(text: string): string | undefined
  /** Seconds that a text will take, within 25 %. */
  estimateDurationS(text: string, voiceId: string, settings: VoiceSettings): number
  close(): Promise<void>
}

/** Sounds of written words. */
export interface Pronouncer {
  /** CMU phones of each word, in the words' order; none for a word that it cannot say. Never rejects. */
  pronounce(words: readonly string[]): Promise<readonly (readonly string[])[]>
  close(): Promise<void>
}
