/** What the origin asks of voices and minds. Providers are the only code that speaks a vendor's protocol. */
import type { VoiceInfo, VoiceSettings } from '../../../shared/api.ts'
import type { ChatMessage, ChatRequest } from '../../../shared/chat.ts'

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
  /** All phones of the clause, on its first piece, from voices that know them. */
  phones?: Phone[]
  /** Characters whose times became known with this piece, in order, from voices that know text but no phones. */
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
  /** What of a text this voice cannot speak, in words for the caller; undefined where it can. */
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

/** What a reply is made of, in order. Parts of one tool call have its index; its id and name come with the first. */
export type ReplyPart =
  | { type: 'text'; text: string }
  | { type: 'tool_call'; index: number; id?: string | undefined; name?: string | undefined; arguments?: string | undefined }
  | { type: 'finish'; reason: 'stop' | 'length' | 'tool_calls' }

export interface ReplyRequest {
  temperature?: ChatRequest['temperature']
  max_tokens?: ChatRequest['max_tokens']
  max_completion_tokens?: ChatRequest['max_completion_tokens']
  tools?: ChatRequest['tools']
  tool_choice?: ChatRequest['tool_choice']
  messages: readonly ChatMessage[]
  model: string
}

export interface ChatProvider {
  readonly name: string
  /** The model that answers when the caller names none. */
  readonly defaultModel: string
  /** Parts of the reply as they come. @throws AvatarError `PROVIDER_FAILED`; rejects with the signal's reason when aborted */
  reply(request: ReplyRequest, signal: AbortSignal): AsyncIterable<ReplyPart>
}
