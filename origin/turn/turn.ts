/** One turn: what the avatar was asked to say, the pipeline that makes its segments, and how much of it has left for the client. */
import { performance } from 'node:perf_hooks'
import { type AvatarError, toAvatarError } from '../../shared/errors.ts'
import { toMs } from '../dsp/pcm.ts'
import type { UserSpeechTimes } from '../listening/types.ts'
import { Channel } from '../pipeline/channel.ts'
import type { TickSound } from './playout.ts'
import type { Clause, Segment } from './stages/types.ts'
import { TurnMetrics } from './turn-metrics.ts'
import { type WordTime, wordTimes } from './word-times.ts'

/** ms of speech that may wait for playout: enough to bridge a slow TTS provider, little enough to discard on an interrupt. */
const AHEAD_MS = 10_000
/** A word counts as spoken when at most this many ms of it are missing. */
const WORD_TOLERANCE_MS = 80
/** Paused speech resumes at the start of the word that it stopped in, unless that is further back than this. */
const MAX_BACK_MS = 1_200
/** More clauses than can sound within one tick. */
const RECENT_CLAUSES = 4

/** `voice`: a chat that answers the user's speech. */
export type TurnKind = 'speak' | 'chat' | 'audio' | 'voice'
export type TurnEnd = 'completed' | 'interrupted' | 'failed'

export interface TurnOptions {
  taskId: string
  kind: TurnKind
  /** The pipeline that makes the segments. */
  segments: (turn: Turn) => AsyncIterable<Segment>
  /** Seconds of speech in a text. */
  estimateS: (text: string) => number
  /** Of the speech that is answered. */
  userSpeech?: UserSpeechTimes | undefined
}

/** A word that has begun to sound. */
export interface SoundingWord extends Pick<WordTime, 'word'> {
  /** ms from the first sample of the task. */
  startMs: number
  endMs: number
}

/** How much of one clause has left for the client. */
interface ClauseProgress {
  /** ms of the task at its first sample. */
  startMs: number
  untilMs: number
  /** Words whose event was sent. */
  wordsSent: number
}

export class Turn {
  readonly taskId: string
  readonly kind: TurnKind
  readonly requestedMs = performance.now()
  readonly metrics: TurnMetrics
  readonly segments = new Channel<Segment>({ capacity: AHEAD_MS, weigh: (segment) => toMs(segment.pcm.length) })
  /** ms of the task's sound that have left for the client; falls when paused speech resumes at the start of a word. */
  playedMs = 0
  /** When the first sound left; undefined before. */
  startedMs: number | undefined
  /** Estimated duration of all of it; undefined while the text is not complete. */
  expectedMs: number | undefined
  /** ms that it was paused. */
  pausedMs = 0
  /** The model has not given its first word yet: the LLM provider says when that took too long. */
  waitsForModel = false
  /** Why it ended as failed. */
  failure: AvatarError | undefined
  readonly #estimateS: TurnOptions['estimateS']
  readonly #pipeline: TurnOptions['segments']
  readonly #abort = new AbortController()
  /** In the order of speech. */
  readonly #progress = new Map<Clause, ClauseProgress>()

  constructor({ taskId, kind, segments, estimateS, userSpeech }: TurnOptions) {
    this.taskId = taskId
    this.kind = kind
    this.#estimateS = estimateS
    this.#pipeline = segments
    this.metrics = new TurnMetrics(userSpeech)
  }

  get signal(): AbortSignal {
    return this.#abort.signal
  }

  /** Starts the work: what the pipeline makes waits in `segments`, at most AHEAD_MS of it. To be called once. */
  start(): void {
    void this.#run()
  }

  /** Stops the pipeline and discards the segments that wait. */
  abort(): void {
    this.#abort.abort(new DOMException('the turn was stopped', 'AbortError'))
    this.segments.clear()
    this.segments.close()
  }

  /** All of its text is known. */
  expectText(text: string): void {
    this.expectedMs = this.#estimateS(text) * 1000
  }

  /** Sound has left for the client. @returns clauses that begin with it */
  markDelivered({ progress, untilMs }: Pick<TickSound, 'progress' | 'untilMs'>): Clause[] {
    const begun: Clause[] = []
    for (const { segment, startMs, untilMs: inSegmentMs } of progress) {
      const { clause, offsetMs } = segment
      const before = this.#progress.get(clause)
      if (!before) begun.push(clause)
      const untilMs = Math.max(before?.untilMs ?? 0, offsetMs + inSegmentMs)
      this.#progress.set(clause, { startMs: startMs - offsetMs, untilMs, wordsSent: before?.wordsSent ?? 0 })
    }
    this.playedMs = untilMs
    return begun
  }

  /** Words that have begun to sound since the last call. @param isLast nothing more will sound */
  takeWords({ isLast }: { isLast: boolean }): SoundingWord[] {
    const found: SoundingWord[] = []
    const lately = [...this.#progress].slice(-RECENT_CLAUSES)
    for (const [i, [clause, heard]] of lately.entries()) {
      const words = wordTimes(clause)
      const isOver = isLast || i < lately.length - 1
      for (let next = words[heard.wordsSent]; next && (isOver || next.startMs < heard.untilMs); next = words[heard.wordsSent]) {
        const { word, startMs, endMs } = next
        found.push({ word, startMs: heard.startMs + startMs, endMs: heard.startMs + endMs })
        heard.wordsSent += 1
      }
    }
    return found
  }

  /** Where paused speech resumes, ms of the task: at the start of the word that it stopped in; audio without a text where it stopped. */
  get resumeMs(): number {
    const current = [...this.#progress].at(-1)
    if (!current) return this.playedMs
    const [clause, { startMs }] = current
    const inClauseMs = this.playedMs - startMs
    const word = wordTimes(clause).find((one) => one.startMs < inClauseMs && inClauseMs < one.endMs)
    return word && inClauseMs - word.startMs <= MAX_BACK_MS ? startMs + Math.max(0, word.startMs) : this.playedMs
  }

  /** ms of speech that were ready and will not be sent. */
  get droppedMs(): number {
    const current = [...this.#progress].at(-1)
    return Math.max(0, this.segments.waiting + (current ? current[0].durationMs - current[1].untilMs : 0))
  }

  /** The text up to the last word that has left. */
  get spokenText(): string {
    return [...this.#progress]
      .map(([clause, { untilMs }]) => deliveredText(clause, untilMs))
      .filter((text) => text !== '')
      .join(' ')
      .trim()
  }

  async #run(): Promise<void> {
    try {
      for await (const segment of this.#pipeline(this)) await this.segments.push(segment, this.signal)
      this.segments.close()
    } catch (thrown) {
      // an aborted turn was already closed by `abort`
      this.segments.fail(this.signal.aborted ? thrown : toAvatarError(thrown))
    }
  }
}

function deliveredText(clause: Clause, heardMs: number): string {
  const last = wordTimes(clause).findLast(({ endMs }) => endMs - WORD_TOLERANCE_MS <= heardMs)
  return last ? clause.text.slice(0, last.textEnd) : ''
}
