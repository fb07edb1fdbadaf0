/** Keeps one part running: starts it, watches it, starts it again when it has ended or is broken. */
import { BackOff, faultOf } from './faults.ts'
import { GroupWatch } from './group-watch.ts'
import type { Part } from './part.ts'
import { say } from './print.ts'

/** How often everything is looked at, ms. */
export const TICK_MS = 250
/** Ticks between two looks at the processes. */
const LOOK_TICKS = 2
/** ms for a part that is started again to come up. */
const START_MS = 60_000

export interface KeeperOptions {
  /** `the edge` */
  what: string
  spawn(onExit: (how: string) => void): Part
  /** Which of its processes has its port. */
  isListener?: (command: string[]) => boolean
  /** It ended before it was up for the first time: there is no use in another try. */
  onNeverUp(): void
  /** The part that runs now is another one, or none. */
  onChange(): void
}

type State = 'new' | 'starting' | 'up' | 'ending' | 'pausing' | 'closed'

export class Keeper {
  readonly #options: KeeperOptions
  readonly #backOff = new BackOff()
  #state: State = 'new'
  #part: Part | undefined
  #group: GroupWatch | undefined
  #everUp = false
  #ticks = 0
  /** ms of ticks since it was started, or since it was last heard when it is up. */
  #silentMs = 0
  #refusals = 0
  #stoodStill = false

  constructor(options: KeeperOptions) {
    this.#options = options
  }

  get isUp(): boolean {
    return this.#state === 'up'
  }

  /** It works and nothing that it does itself explains a silence. */
  get isExpected(): boolean {
    return this.isUp && !this.#stoodStill
  }

  get part(): Part | undefined {
    return this.#part
  }

  start(): void {
    this.#state = 'starting'
    this.#silentMs = 0
    this.#group = undefined
    const part = this.#options.spawn((how) => this.#onExit(part, how))
    this.#part = part
    this.#options.onChange()
  }

  /** It works: from now on its silence counts. */
  cameUp(): void {
    if (this.#state !== 'starting') return
    this.#state = 'up'
    if (this.#everUp) say(`${this.#options.what} is back`)
    this.#everUp = true
    this.#group = this.#part?.pid === undefined ? undefined : new GroupWatch(this.#part.pid, this.#options.isListener)
    this.heard()
  }

  /** It answered, or told by itself that it is alive. */
  heard(): void {
    if (this.#state !== 'up') return
    this.#stoodStill = false
    this.#silentMs = 0
    this.#refusals = 0
    this.#group?.heard()
  }

  refused(): void {
    if (this.#state === 'up') this.#refusals++
  }

  /** It leaves and starts again by itself: its silence means nothing until it is heard. */
  standsStill(): void {
    this.#stoodStill = true
  }

  /** Time has passed. Time that the machine took from this process too is none. */
  tick(): void {
    this.#ticks++
    if (this.#state === 'starting') {
      this.#silentMs += TICK_MS
      if (this.#everUp && this.#silentMs >= START_MS) this.again(`was not up after ${START_MS / 1000} s`)
    } else if (this.#state === 'up') {
      this.#backOff.hold(TICK_MS)
      const fault = this.#judge()
      if (fault !== undefined) this.again(fault)
    }
  }

  /** @param why it is started again: `has not answered for 4 s` */
  again(why: string): void {
    if (!this.#everUp || (this.#state !== 'up' && this.#state !== 'starting')) return
    say(`${this.#options.what} ${why}; starting it again`)
    this.#state = 'ending'
    this.#part?.kill()
    if (this.#part?.ended) this.#pause()
  }

  /** It is not started again. */
  close(): void {
    this.#state = 'closed'
  }

  #judge(): string | undefined {
    if (!this.#stoodStill) this.#silentMs += TICK_MS
    if (this.#ticks % LOOK_TICKS !== 0) return undefined
    return faultOf({ ...this.#group?.look(), refusals: this.#refusals, silentMs: this.#silentMs })
  }

  #onExit(part: Part, how: string): void {
    this.#options.onChange()
    if (part !== this.#part || this.#state === 'closed') return
    if (this.#state === 'ending') this.#pause()
    else if (!this.#everUp) this.#options.onNeverUp()
    else {
      say(`${this.#options.what} ended with ${how}; starting it again`)
      this.#pause()
    }
  }

  #pause(): void {
    this.#state = 'pausing'
    const pauseMs = this.#backOff.next()
    if (pauseMs > 0) say(`${this.#options.what} fell before: it is started in ${pauseMs / 1000} s`)
    setTimeout(() => {
      if (this.#state === 'pausing') this.start()
    }, pauseMs)
  }
}
