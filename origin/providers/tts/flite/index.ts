/** The embedded TTS: CMU Flite in a worker thread. No key, no network; English; gives phones with their times. */
import type { VoiceSettings } from '../../../../shared/api.ts'
import { log } from '../../../log.ts'
import { type JobWorker, threadWorker } from '../../../workers/job-worker.ts'
import { WorkerClient } from '../../../workers/worker-client.ts'
import { englishShortcoming, listed, speedOf, voiceFailure } from '../embedded.ts'
import type { Pronouncer, SpeechPiece, SpeechProvider, SpeechRequest } from '../types.ts'
import { estimateSpeechS } from './estimate.ts'
import { FlitePronouncer } from './pronounce.ts'
import type { Synthesis, SynthesisJob } from './synthesize.ts'
import { speakableText } from './text.ts'
import { VOICES, voiceById } from './voices.ts'

/** Clauses that may wait, at about 50 ms each: the last of them would be too late for its listener. */
const MAX_QUEUED = 64
/** ms for one clause; the longest takes 0.6 s on a free core. */
const TIMEOUT_MS = 15_000
const WARM_UP_TEXT = 'Hello, how are you today?'

export interface FliteVoiceOptions {
  /** How a worker is started. @internal */
  spawn?: () => JobWorker
}

class FliteSpeech implements SpeechProvider {
  readonly name = 'flite'
  readonly voices = listed(VOICES)
  readonly defaultVoiceId = VOICES[0].voice_id
  readonly #jobs: WorkerClient<SynthesisJob, Synthesis>

  constructor(spawn: () => JobWorker) {
    this.#jobs = new WorkerClient({
      name: 'flite',
      spawn,
      maxPending: 1,
      maxQueued: MAX_QUEUED,
      timeoutMs: TIMEOUT_MS,
      onCrash: ({ message }) => log.error({ why: message }, 'the speech thread ended; the next clause starts a new one'),
    })
  }

  async *speak({ text, voiceId, settings }: SpeechRequest, signal: AbortSignal): AsyncGenerator<SpeechPiece> {
    const { engineName, gainDb } = voiceById(voiceId)
    const job = { text: speakableText(text), engineName, gainDb, stretch: 1 / speedOf(settings) }
    let synthesis: Synthesis
    try {
      synthesis = await this.#jobs.run(job, { signal })
    } catch (thrown) {
      throw voiceFailure(thrown, 'flite')
    }
    signal.throwIfAborted()
    yield synthesis
  }

  shortcoming(text: string): string | undefined {
    return englishShortcoming(text)
  }

  estimateDurationS(text: string, voiceId: string, settings: VoiceSettings): number {
    return (estimateSpeechS(text) * voiceById(voiceId).pace) / speedOf(settings)
  }

  close(): Promise<void> {
    return this.#jobs.close()
  }
}

/** The embedded voice, warm: its first clause is as quick as any. @throws AvatarError `PROVIDER_FAILED` when it cannot run here */
export async function createFliteVoice({ spawn = startThread }: FliteVoiceOptions = {}): Promise<SpeechProvider> {
  const speech = new FliteSpeech(spawn)
  const request = { text: WARM_UP_TEXT, voiceId: speech.defaultVoiceId, settings: {} }
  try {
    for await (const piece of speech.speak(request, new AbortController().signal)) void piece
  } catch (thrown) {
    await speech.close()
    throw thrown
  }
  return speech
}

/** Pronunciation of English words, in a thread of its own, warm. @throws AvatarError `PROVIDER_FAILED` when it cannot run here */
export async function createPronouncer({ spawn = startThread }: FliteVoiceOptions = {}): Promise<Pronouncer> {
  const pronouncer = new FlitePronouncer(spawn)
  try {
    await pronouncer.warmUp()
  } catch (thrown) {
    await pronouncer.close()
    throw voiceFailure(thrown, 'flite')
  }
  return pronouncer
}

function startThread(): JobWorker {
  return threadWorker(new URL('./flite-worker.ts', import.meta.url), 'flite')
}
