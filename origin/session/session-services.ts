/** What all sessions of the process share: voices, minds, ears, and the pipelines made of them. */
import type { AudioData } from '../../shared/events.ts'
import { SAMPLE_RATE } from '../../shared/media.ts'
import type { TurnLedger } from '../../shared/stats.ts'
import { toMs } from '../dsp/pcm.ts'
import type { LipSync, MouthFromPhones, MouthFromText } from '../lipsync/types.ts'
import type { ListeningServices } from '../listening/listener.ts'
import type { RtcServices } from '../media/peer-output.ts'
import type { ChatProvider } from '../providers/llm/types.ts'
import type { SpeechProvider } from '../providers/tts/types.ts'
import type { SoundFeatures } from '../render/adapters/types.ts'
import { cutSegments } from '../turn/stages/cut-segments.ts'
import { moveMouth } from '../turn/stages/move-mouth.ts'
import { splitSentences } from '../turn/stages/split-sentences.ts'
import { type SynthesizeOptions, synthesize } from '../turn/stages/synthesize.ts'
import type { Segment, Speech } from '../turn/stages/types.ts'

/** Pieces in which client audio goes through the lip-sync network: the first is short, so that it sounds soon. */
const FIRST_PIECE_SAMPLES = 0.4 * SAMPLE_RATE
const PIECE_SAMPLES = 2.4 * SAMPLE_RATE

export interface SessionPartsOptions {
  voice: SpeechProvider
  chat: ChatProvider
  ears: ListeningServices
  lipSync: LipSync
  mouthFromPhones: MouthFromPhones
  /** With a voice that knows the times of its text. */
  mouthFromText?: MouthFromText | undefined
  decodeAudio: (data: AudioData) => Promise<{ pcm: Int16Array }>
  persona: string
  /** Undefined: this process has no WebRTC. */
  rtc?: RtcServices | undefined
  /** Told the ms from a request to its first sound. */
  onLatency: (ms: number) => void
  /** Told what each turn took. */
  onTurn?: (ledger: TurnLedger) => void
  /** What an avatar's model wants to hear. @default every avatar is driven by its mouth's shapes */
  soundOf?: (avatarId: string) => SoundFeatures | undefined
  /** Whether an avatar's head can be turned. @default every avatar's */
  canNod?: (avatarId: string) => boolean
}

export class SessionParts {
  readonly voice: SpeechProvider
  readonly chat: ChatProvider
  readonly persona: string
  readonly onLatency: (ms: number) => void
  readonly onTurn: SessionPartsOptions['onTurn'] | undefined
  readonly decodeAudio: SessionPartsOptions['decodeAudio']
  readonly rtc: RtcServices | undefined
  readonly soundOf: SessionPartsOptions['soundOf'] | undefined
  readonly canNod: SessionPartsOptions['canNod'] | undefined
  readonly ears: ListeningServices
  readonly #moveMouth: ReturnType<typeof moveMouth>

  constructor({
    voice,
    chat,
    ears,
    lipSync,
    mouthFromPhones,
    mouthFromText,
    decodeAudio,
    persona,
    rtc,
    onLatency,
    onTurn,
    soundOf,
    canNod,
  }: SessionPartsOptions) {
    this.voice = voice
    this.chat = chat
    this.persona = persona
    this.onLatency = onLatency
    this.onTurn = onTurn
    this.decodeAudio = decodeAudio
    this.rtc = rtc
    this.soundOf = soundOf
    this.canNod = canNod
    this.ears = ears
    this.#moveMouth = moveMouth({ mouthFromPhones, mouthFromText, lipSync })
  }

  /** @param wanted of one request @param usual the session's @returns a voice that there is, and what the caller is to know */
  pickVoice(wanted: string | undefined, usual: string | null): { voiceId: string; warnings: string[] } {
    const known = (id: string | null | undefined): id is string => this.voice.voices.some((info) => info.voice_id === id)
    const ours = known(usual) ? usual : this.voice.defaultVoiceId
    if (wanted === undefined || known(wanted)) return { voiceId: wanted ?? ours, warnings: [] }
    return { voiceId: ours, warnings: [`The voice provider (${this.voice.name}) has no voice "${wanted}"; "${ours}" speaks instead.`] }
  }

  /** Text to segments: clauses, sound, mouth. Every stage streams. */
  spoken(
    text: AsyncIterable<string>,
    { signal, ...options }: Omit<SynthesizeOptions, 'voice'> & { signal: AbortSignal },
  ): AsyncIterable<Segment> {
    const context = { signal }
    const speech = synthesize({ voice: this.voice, ...options })(splitSentences(text, context), context)
    return cutSegments(this.#moveMouth(speech, context), context)
  }

  /** The client's own sound to segments. */
  sounded(pcm: Int16Array, signal: AbortSignal): AsyncIterable<Segment> {
    return cutSegments(this.#moveMouth(inPieces(pcm), { signal }), { signal })
  }
}

async function* inPieces(pcm: Int16Array): AsyncGenerator<Speech> {
  const clause = { text: '', durationMs: toMs(pcm.length) }
  let start = 0
  while (start < pcm.length) {
    const end = Math.min(pcm.length, start + (start === 0 ? FIRST_PIECE_SAMPLES : PIECE_SAMPLES))
    yield { clause, pcm: pcm.subarray(start, end), first: start === 0, last: end === pcm.length }
    start = end
  }
}
