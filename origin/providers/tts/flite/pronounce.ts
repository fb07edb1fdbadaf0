/** Pronunciation of English words by the embedded engine's dictionary and letter rules; in its worker thread, cached. */

import { log } from '../../../log.ts'
import type { JobWorker } from '../../../workers/job-worker.ts'
import { JobError, WorkerClient } from '../../../workers/worker-client.ts'
import type { Pronouncer } from '../types.ts'
import type { PronunciationJob } from './synthesize.ts'
import { speakableText } from './text.ts'

/** Words of one run of the engine; a run takes about 10 ms and a millisecond a word. */
const MAX_WORDS = 24
const MAX_WORD_CHARS = 40
const MAX_REMEMBERED = 5_000
const MAX_QUEUED = 32
/** ms; speech does not wait longer for a more exact mouth. */
const MAX_WAIT_MS = 400
const TIMEOUT_MS = 5_000

export class FlitePronouncer implements Pronouncer {
  readonly #jobs: WorkerClient<PronunciationJob, string[][]>
  readonly #remembered = new Map<string, readonly string[]>()
  readonly #learning = new Map<string, Promise<void>>()

  constructor(spawn: () => JobWorker) {
    this.#jobs = new WorkerClient({
      name: 'pronunciation',
      spawn,
      maxPending: 1,
      maxQueued: MAX_QUEUED,
      timeoutMs: TIMEOUT_MS,
      onCrash: ({ message }) => log.error({ why: message }, 'the pronunciation thread ended; the next words start a new one'),
    })
  }

  async pronounce(words: readonly string[]): Promise<readonly (readonly string[])[]> {
    const spoken = words.map(spokenForm)
    await settledWithin(MAX_WAIT_MS, this.#learn(spoken))
    return spoken.map((word) => this.#remembered.get(word) ?? [])
  }

  /** Loads the engine. @throws JobError when it cannot run here */
  async warmUp(): Promise<void> {
    await this.#jobs.run({ words: ['hello'] })
  }

  close(): Promise<void> {
    return this.#jobs.close()
  }

  /** A word is looked up once for concurrent calls, and cached also when its caller no longer waits. */
  #learn(spoken: readonly string[]): Promise<unknown> {
    const wanted = new Set(spoken.filter((word) => word !== '' && !this.#remembered.has(word)))
    const fresh = [...wanted].filter((word) => !this.#learning.has(word))
    for (let at = 0; at < fresh.length; at += MAX_WORDS) {
      const batch = fresh.slice(at, at + MAX_WORDS)
      const learned = this.#lookUp(batch).finally(() => {
        for (const word of batch) this.#learning.delete(word)
      })
      for (const word of batch) this.#learning.set(word, learned)
    }
    return Promise.all([...wanted].map((word) => this.#learning.get(word)))
  }

  async #lookUp(words: string[]): Promise<void> {
    try {
      const phones = await this.#jobs.run({ words })
      for (const [i, word] of words.entries()) this.#remember(word, phones[i] ?? [])
    } catch (thrown) {
      // The mouth then follows the sound alone.
      if (!(thrown instanceof JobError && thrown.kind === 'closed')) log.debug({ err: thrown }, 'no pronunciation')
    }
  }

  #remember(word: string, phones: readonly string[]): void {
    const oldest = this.#remembered.keys().next()
    if (this.#remembered.size >= MAX_REMEMBERED && !oldest.done) this.#remembered.delete(oldest.value)
    this.#remembered.set(word, phones)
  }
}

/** Waits for work, for at most `ms`; the work continues in any case. */
async function settledWithin(ms: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const patience = new Promise((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  await Promise.race([work, patience])
  clearTimeout(timer)
}

/** What the engine is given for a word: ASCII; capitals stay where they may be an abbreviation. '' when it has no sound. */
function spokenForm(word: string): string {
  const plain = speakableText(word.slice(0, MAX_WORD_CHARS))
    .replace(/[^A-Za-z0-9' ]/g, '')
    .trim()
  return /^[A-Z0-9]{2,5}$/.test(plain) ? plain : plain.toLowerCase()
}
