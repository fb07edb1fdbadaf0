/** One turn: what the avatar was asked to say, the work that makes it, and what of it was heard. */
import { performance } from 'node:perf_hooks'
import { toAvatarError } from '../shared/errors.ts'
import { SAMPLE_RATE } from '../shared/media.ts'
import { Channel } from './pipeline/channel.ts'
import type { TickSound } from './playout.ts'
import type { Clause, Segment } from './stages/types.ts'

/** ms of speech that may be ready ahead of play-out: enough to ride out a slow voice, little enough to throw away on an interrupt. */
const AHEAD_MS = 10_000
/** A clause counts as heard in full when no more than this is missing: the silence at its end. */
const HEARD_TOLERANCE_MS = 80

/** `voice`: a chat that answers what the user said aloud. */
export type TurnKind = 'speak' | 'chat' | 'audio' | 'voice'
export type TurnEnd = 'completed' | 'interrupted' | 'failed'

export interface TurnOptions {
  taskId: string
  kind: TurnKind
  /** The pipeline from the request to its segments. */
  segments: (signal: AbortSignal) => AsyncIterable<Segment>
}

export class Turn {
  readonly taskId: string
  readonly kind: TurnKind
  readonly requestedMs = performance.now()
  readonly segments = new Channel<Segment>({ capacity: AHEAD_MS, weigh: (segment) => (segment.pcm.length / SAMPLE_RATE) * 1000 })
  /** How far into its sound the task has left for the client, ms; falls when held speech goes on with a word's beginning. */
  playedMs = 0
  /** When the first sound left; undefined before. */
  startedMs: number | undefined
  readonly #abort = new AbortController()
  /** ms of each clause that were heard, in the order of speech. */
  readonly #heard = new Map<Clause, number>()
  readonly #announced = new Set<Clause>()

  constructor({ taskId, kind, segments }: TurnOptions) {
    this.taskId = taskId
    this.kind = kind
    void this.#run(segments)
  }

  get signal(): AbortSignal {
    return this.#abort.signal
  }

  /** Stops all work of the turn; what waits is gone. */
  abort(): void {
    this.#abort.abort(new DOMException('the turn was stopped', 'AbortError'))
    this.segments.clear()
    this.segments.close()
  }

  /** Sound has left for the client. */
  hear({ heard, untilMs }: Pick<TickSound, 'heard' | 'untilMs'>): void {
    for (const { segment, untilMs: inSegmentMs } of heard) {
      const before = this.#heard.get(segment.clause) ?? 0
      this.#heard.set(segment.clause, Math.max(before, segment.offsetMs + inSegmentMs))
    }
    this.playedMs = untilMs
  }

  /** True once per clause: when it begins to sound. */
  announces({ clause }: Segment): boolean {
    if (this.#announced.has(clause)) return false
    this.#announced.add(clause)
    return true
  }

  /** ms of speech that were ready or begun and that nobody will hear. */
  get droppedMs(): number {
    const current = [...this.#heard].at(-1)
    return Math.max(0, this.segments.waiting + (current ? current[0].durationMs - current[1] : 0))
  }

  /** The text up to the last sound that left, cut between words. */
  get spokenText(): string {
    return [...this.#heard]
      .map(([clause, heardMs]) => heardPart(clause, heardMs))
      .join(' ')
      .trim()
  }

  async #run(segments: TurnOptions['segments']): Promise<void> {
    try {
      for await (const segment of segments(this.signal)) await this.segments.push(segment, this.signal)
      this.segments.close()
    } catch (thrown) {
      // an aborted turn was already closed by `abort`
      this.segments.fail(this.signal.aborted ? thrown : toAvatarError(thrown))
    }
  }
}

function heardPart({ text, durationMs }: Clause, heardMs: number): string {
  if (heardMs >= durationMs - HEARD_TOLERANCE_MS) return text
  const cut = Math.floor((text.length * heardMs) / durationMs)
  const space = text.lastIndexOf(' ', cut)
  return space > 0 ? text.slice(0, space) : ''
}
