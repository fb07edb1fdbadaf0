/** The embedded neural voice: Kokoro-82M in a process of its own. No key, no network; English; every phoneme's time is the network's own. */
import { fileURLToPath } from 'node:url'
import type { VoiceSettings } from '../../../../shared/api.ts'
import { SAMPLE_RATE } from '../../../../shared/media.ts'
import { log } from '../../../log.ts'
import { type JobWorker, processWorker } from '../../../workers/job-worker.ts'
import { WorkerClient } from '../../../workers/worker-client.ts'
import { englishShortcoming, listed, speedOf, voiceFailure } from '../embedded.ts'
import { estimateSpeechS } from '../flite/estimate.ts'
import type { Phone, Pronouncer, SpeechPiece, SpeechProvider, SpeechRequest } from '../types.ts'
import { FRAME_SAMPLES, MAX_SYMBOLS, type Spoken, VOICE_FOLDER, type VoiceJob } from './network.ts'
import { Phonemizer, phonesOf } from './phonemes/index.ts'
import { VOICES, voiceById } from './voices.ts'

/** Clauses that may wait; the last of them would be too late for its listener. */
const MAX_QUEUED = 32
/** ms for one clause; the longest takes 10 s on a busy core. */
const TIMEOUT_MS = 60_000
/** s of silence that stay before a clause. */
const LEAD_S = 0.02
/** Of the network's sound; less is silence. */
const AUDIBLE = 0.004
/**
 * s by which the sound is ahead of the network's lengths: between vowels the gap of a P or B begins 25 to 45 ms before its symbol, in
 * three voices (75 closures).
 */
const AHEAD_S = 0.0375
/** s of a space that is no pause: the closure of the sound behind it, which the network gives to the space. */
const SPACE_S = 0.11
/** s of silence after a clause, at most: the network leaves up to half a second. */
const PAUSE_S = { sentence: 0.25, comma: 0.14, other: 0.08 } as const
/** Samples over which the cut edges fade. */
const FADE = 120
const WARM_UP = 'həlˈO.'

export interface KokoroVoiceOptions {
  /** Says words that no table has. */
  pronouncer: Pronouncer
  /** How the process is started. @internal */
  spawn?: () => JobWorker
}

type Phonemizers = Readonly<Record<'us' | 'uk', Phonemizer>>

class KokoroSpeech implements SpeechProvider {
  readonly name = 'kokoro'
  readonly voices = listed(VOICES)
  readonly defaultVoiceId = VOICES[0].voice_id
  readonly #pronouncer: Pronouncer
  readonly #phonemizers: Phonemizers
  readonly #jobs: WorkerClient<VoiceJob, Spoken>

  constructor(phonemizers: Phonemizers, pronouncer: Pronouncer, jobs: WorkerClient<VoiceJob, Spoken>) {
    this.#phonemizers = phonemizers
    this.#pronouncer = pronouncer
    this.#jobs = jobs
  }

  async *speak({ text, voiceId, settings }: SpeechRequest, signal: AbortSignal): AsyncGenerator<SpeechPiece> {
    const { gain, language, voice_id } = voiceById(voiceId)
    const { phonemes, words } = await this.#phonemizers[language === 'en-GB' ? 'uk' : 'us'].phonemize(text)
    signal.throwIfAborted()
    const parts: Said[] = []
    for (const part of inRuns(phonemes)) {
      const spoken = await this.#run({ phonemes: part, voiceId: voice_id, speed: speedOf(settings) }, signal)
      parts.push(saidOf(spoken, part, gain))
    }
    const { pcm, phones, endsS } = joined(parts)
    const characters = words.flatMap(({ text: word, phonemesFrom, phonemesTo }) => {
      const [startS, endS] = [endsS[phonemesFrom - 1] ?? 0, endsS[phonemesTo - 1] ?? 0]
      return phonemesTo > phonemesFrom
        ? [
            { text: word, startS, endS },
            { text: ' ', startS: endS, endS },
          ]
        : []
    })
    yield { pcm, phones, ...(characters.length > 0 ? { characters } : {}) }
  }

  shortcoming(text: string): string | undefined {
    return englishShortcoming(text)
  }

  estimateDurationS(text: string, voiceId: string, settings: VoiceSettings): number {
    return (estimateSpeechS(text) * voiceById(voiceId).pace) / speedOf(settings)
  }

  async close(): Promise<void> {
    await Promise.all([this.#jobs.close(), this.#pronouncer.close()])
  }

  async #run(job: VoiceJob, signal: AbortSignal): Promise<Spoken> {
    try {
      return await this.#jobs.run(job, { signal })
    } catch (thrown) {
      throw voiceFailure(thrown, 'kokoro')
    }
  }
}

/** Parts that one run of the network can say, cut between words. */
function inRuns(phonemes: string): string[] {
  const symbols = [...phonemes]
  const parts: string[] = []
  while (symbols.length > MAX_SYMBOLS) {
    const space = symbols.lastIndexOf(' ', MAX_SYMBOLS)
    parts.push(symbols.splice(0, space > 0 ? space + 1 : MAX_SYMBOLS).join(''))
  }
  return [...parts, symbols.join('')].filter((part) => part.trim() !== '')
}

interface Said {
  pcm: Int16Array
  phones: Phone[]
  /** Where each symbol ends, s. */
  endsS: number[]
}

/** The sound without the silence that nobody wrote, and the place of everything in it. */
function saidOf({ sound, frames }: Spoken, phonemes: string, gain: number): Said {
  const lead = (frames[0] ?? 0) * FRAME_SAMPLES
  const onset = sound.findIndex((value) => Math.abs(value) > AUDIBLE)
  const from = Math.max(0, Math.round((onset < 0 ? lead : Math.min(onset, lead)) - LEAD_S * SAMPLE_RATE))
  // the network gives the pause to the last mark and to what follows it
  const silent = trailingSilence(phonemes)
  const tail = frames.subarray(frames.length - 1 - silent).reduce((sum, count) => sum + count, 0) * FRAME_SAMPLES
  const until = Math.min(sound.length, Math.round(sound.length - tail + pauseS(phonemes) * SAMPLE_RATE))
  const kept = sound.subarray(from, Math.max(from, until))
  const peak = kept.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  const factor = 32_767 * Math.min(gain, 0.98 / Math.max(peak, 1e-6))
  const pcm = Int16Array.from(kept, (value, i) => value * factor * Math.min(1, (i + 1) / FADE, (kept.length - i) / FADE))
  const seconds = lengthsOf(frames, phonemes)
  const shift = (lead - from) / SAMPLE_RATE - AHEAD_S
  const end = pcm.length / SAMPLE_RATE
  const phones = phonesOf(phonemes, seconds)
    .map(({ name, startS, endS }) => ({ name, startS: clamp(startS + shift, end), endS: clamp(endS + shift, end) }))
    .filter(({ startS, endS }) => endS > startS)
  const last = phones.at(-1)
  if (last?.name === 'pau') last.endS = end
  const opening = shift > 0 ? [{ name: 'pau', startS: 0, endS: shift }] : []
  let at = shift
  const endsS = seconds.map((lasts) => {
    at += lasts
    return clamp(at, end)
  })
  return { pcm, phones: [...opening, ...phones], endsS }
}

/** s of every symbol; short spaces belong to what follows them. */
function lengthsOf(frames: Float32Array, phonemes: string): number[] {
  const lengths = Array.from(frames.subarray(1, -1), (count) => (count * FRAME_SAMPLES) / SAMPLE_RATE)
  for (const [i, symbol] of [...phonemes].entries()) {
    const length = lengths[i] ?? 0
    if (symbol !== ' ' || length > SPACE_S || i + 1 >= lengths.length) continue
    lengths[i] = 0
    lengths[i + 1] = (lengths[i + 1] ?? 0) + length
  }
  return lengths
}

function clamp(seconds: number, end: number): number {
  return Math.min(end, Math.max(0, seconds))
}

/** Marks and spaces at the end. */
function trailingSilence(phonemes: string): number {
  return [...(/[\s\p{P}]*$/u.exec(phonemes)?.[0] ?? '')].length
}

function pauseS(phonemes: string): number {
  if (/[.!?…]["”)\s]*$/.test(phonemes)) return PAUSE_S.sentence
  return /[,;:—]["”)\s]*$/.test(phonemes) ? PAUSE_S.comma : PAUSE_S.other
}

function joined(parts: readonly Said[]): Said {
  const length = parts.reduce((sum, { pcm }) => sum + pcm.length, 0)
  const all: Said = { pcm: new Int16Array(Math.max(length, Math.round(PAUSE_S.other * SAMPLE_RATE))), phones: [], endsS: [] }
  let at = 0
  for (const { pcm, phones, endsS } of parts) {
    all.pcm.set(pcm, at)
    const shift = at / SAMPLE_RATE
    for (const { name, startS, endS } of phones) all.phones.push({ name, startS: startS + shift, endS: endS + shift })
    all.endsS.push(...endsS.map((endS) => endS + shift))
    at += pcm.length
  }
  return all
}

/** The embedded neural voice, warm. It closes the pronouncer with itself. @throws Error when it cannot run here */
export async function createKokoroVoice({ pronouncer, spawn = startProcess }: KokoroVoiceOptions): Promise<SpeechProvider> {
  const load = (accent: 'us' | 'uk') =>
    Phonemizer.load({ lexiconPath: fileURLToPath(new URL(`lexicon-${accent}.txt.gz`, VOICE_FOLDER)), pronouncer, accent })
  const [us, uk, jobs] = await Promise.all([
    load('us'),
    load('uk'),
    WorkerClient.start<VoiceJob, Spoken>({
      name: 'kokoro',
      spawn,
      maxPending: 1,
      maxQueued: MAX_QUEUED,
      timeoutMs: TIMEOUT_MS,
      onCrash: ({ message }) => log.error({ why: message }, 'the speech process ended; it is started again'),
    }),
  ])
  await jobs.run({ phonemes: WARM_UP, voiceId: VOICES[0].voice_id, speed: 1 })
  return new KokoroSpeech({ us, uk }, pronouncer, jobs)
}

/** Memory of more than 256 KiB is given back at once when it is freed; without this the process keeps 400 MB more than it needs. */
function startProcess(): JobWorker {
  return processWorker(new URL('./kokoro-process.ts', import.meta.url), { MALLOC_ARENA_MAX: '2', MALLOC_MMAP_THRESHOLD_: '262144' })
}
