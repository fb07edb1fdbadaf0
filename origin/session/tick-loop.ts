/** Owns the sessions of the process. On one 40 ms clock it takes what each says and shows, renders all frames as one batch, and delivers. */
import { performance } from 'node:perf_hooks'
import { TICK_MS } from '../../shared/media.ts'
import type { Logger } from '../log.ts'
import { Clock } from '../pipeline/clock.ts'
import type { Renderer } from '../render/types.ts'
import type { Session } from './session.ts'
import type { PreparedTick } from './tick.ts'

/** Ticks that a frame may be later than its sound; a later one is dropped. */
const MAX_FRAME_DELAY_TICKS = 3

interface Job {
  session: Session
  prepared: PreparedTick
}

export class TickLoop {
  readonly #renderer: Renderer
  readonly #log: Logger
  readonly #sessions = new Map<string, Session>()
  readonly #clock: Clock
  /** Delivers the tick before: its sound is due now. */
  #deliverDue: (() => void) | undefined
  #lateFrames = 0
  #failedFrames = 0

  constructor({ renderer, log }: { renderer: Renderer; log: Logger }) {
    this.#renderer = renderer
    this.#log = log
    this.#clock = new Clock({ periodMs: TICK_MS, onTick: (_tick, atMs) => this.#tick(atMs) })
  }

  /** The one registry of live sessions, by their ids. */
  get sessions(): ReadonlyMap<string, Session> {
    return this.#sessions
  }

  add(session: Session): void {
    this.#sessions.set(session.id, session)
  }

  remove(sessionId: string): void {
    this.#sessions.delete(sessionId)
  }

  stats(): Record<string, number> {
    return { late_ticks: this.#clock.lateTicks, late_frames: this.#lateFrames, failed_frames: this.#failedFrames }
  }

  stop(): void {
    this.#clock.stop()
  }

  /** Delivers the tick before; then takes the next 40 ms of every session, and starts to render the frames that go with it. */
  #tick(atMs: number): void {
    this.#deliverDue?.()
    const jobs = [...this.#sessions.values()].map((session) => ({ session, prepared: session.prepare(atMs + TICK_MS) }))
    const soundDelivered = Promise.withResolvers<void>()
    this.#deliverDue = () => {
      for (const { session, prepared } of jobs) session.deliverSound(prepared)
      soundDelivered.resolve()
    }
    const shown = jobs.filter(({ prepared }) => prepared.request !== undefined)
    if (shown.length > 0) void this.#deliverFramesWhenReady(shown, soundDelivered.promise)
  }

  /** Frames leave with the sound of their tick, or, where they are not ready by then, as soon as they are. */
  async #deliverFramesWhenReady(jobs: Job[], soundDelivered: Promise<void>): Promise<void> {
    try {
      const requests = jobs.flatMap(({ prepared }) => (prepared.request ? [prepared.request] : []))
      const [frames] = await Promise.all([this.#renderer.render(requests), soundDelivered])
      jobs.forEach(({ session, prepared }, i) => {
        const frame = frames[i]
        if (frame?.status !== 'fulfilled') this.#failedFrames += 1
        else if (performance.now() - prepared.dueMs > MAX_FRAME_DELAY_TICKS * TICK_MS) this.#lateFrames += 1
        else session.deliverFrame(prepared, frame.value)
      })
    } catch (thrown) {
      this.#failedFrames += jobs.length
      this.#log.error({ err: thrown }, 'a tick could not be rendered')
    }
  }
}
