/** Owns the sessions of the process. On one 40 ms clock it takes what each says and shows, renders all frames as one batch, and delivers. */
import { performance } from 'node:perf_hooks'
import { TICK_MS } from '../../shared/media.ts'
import type { Logger } from '../log.ts'
import { Clock } from '../pipeline/clock.ts'
import type { Renderer } from '../render/types.ts'
import type { PreparedTick, Session } from './session.ts'

/** Ticks that a frame may come after its sound; a later one is left out. */
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
  /** Ticks whose sound is due at the next one. */
  #due: { jobs: Job[]; deliver: () => void } | undefined
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
    return { late_ticks: this.#clock.lateTicks, late_pictures: this.#lateFrames, failed_pictures: this.#failedFrames }
  }

  stop(): void {
    this.#clock.stop()
  }

  #tick(atMs: number): void {
    this.#due?.deliver()
    const jobs = [...this.#sessions.values()].map((session) => ({ session, prepared: session.prepare(atMs + TICK_MS) }))
    this.#due = this.#render(jobs)
  }

  /** Starts the frames of a tick; sound and the frames that are ready leave when `deliver` is called, the rest when it is done. */
  #render(jobs: Job[]): { jobs: Job[]; deliver: () => void } {
    const shown = jobs.filter(({ prepared }) => prepared.request !== undefined)
    let release: () => void = () => undefined
    const delivered = new Promise<void>((resolve) => {
      release = resolve
    })
    if (shown.length > 0) void this.#deliverFramesWhenReady(shown, delivered)
    return {
      jobs,
      deliver: () => {
        for (const { session, prepared } of jobs) session.deliverSound(prepared)
        release()
      },
    }
  }

  async #deliverFramesWhenReady(jobs: Job[], delivered: Promise<void>): Promise<void> {
    try {
      const requests = jobs.flatMap(({ prepared }) => (prepared.request ? [prepared.request] : []))
      const [frames] = await Promise.all([this.#renderer.render(requests), delivered])
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
