/** Looks at the processes of one part: whether one has ended that was there, is stopped, or waits for a processor. */
import { commandOf, hasEnded, membersOf, type ProcessEntry, processEntry, shortName } from './processes.ts'

export interface GroupSigns {
  stopped?: string
  listenerEnded: boolean
  processEnded: boolean
  /** It would go on if the machine let it. */
  starving: boolean
}

/** Running or about to, or waiting for a disk. */
const WANTS_TO_RUN = /^[RD]$/
/** Share of the looks from which a process counts as kept from running. */
const STARVING_SHARE = 0.25
/** Who had this much time of a processor since the part was last heard, ms, was not kept from answering. */
const ENOUGH_CPU_MS = 2_000

interface Known {
  command: string[]
  /** A signal had stopped it at the last look. */
  stopped: boolean
  /** Processor time when the part was last heard, ms. */
  cpuMs: number
}

export class GroupWatch {
  readonly #group: number
  readonly #entryOf: typeof processEntry
  readonly #isListener: ((command: string[]) => boolean) | undefined
  readonly #known = new Map<number, Known>()
  #ended = false
  #listenerEnded = false
  /** Since the part was last heard. */
  #looks = 0
  #looksWanting = 0

  /**
   * What runs now is what belongs to it.
   *
   * @param isListener which process has the port of the part; without it the part is its first process, and others come and go
   */
  constructor(group: number, isListener?: (command: string[]) => boolean, entryOf = processEntry) {
    this.#entryOf = entryOf
    this.#group = group
    this.#isListener = isListener
    this.#learn()
  }

  look(): GroupSigns {
    let stopped: string | undefined
    let wanting = false
    let mostCpuMs = 0
    for (const [pid, known] of this.#known) {
      const entry = this.#entryOf(pid)
      if (!this.#isHere(entry)) {
        this.#known.delete(pid)
        this.#ended = true
        if (this.#isListener?.(known.command)) this.#listenerEnded = true
        continue
      }
      const isStopped = entry.state === 'T'
      // at two looks: it is not going on again at once
      if (isStopped && known.stopped) stopped = shortName(known.command)
      known.stopped = isStopped
      wanting ||= WANTS_TO_RUN.test(entry.state)
      mostCpuMs = Math.max(mostCpuMs, entry.cpuMs - known.cpuMs)
    }
    this.#looks++
    if (wanting) this.#looksWanting++
    return {
      ...(stopped === undefined ? {} : { stopped }),
      listenerEnded: this.#listenerEnded,
      processEnded: this.#ended && this.#isListener !== undefined,
      starving: this.#looksWanting >= STARVING_SHARE * this.#looks && mostCpuMs < ENOUGH_CPU_MS,
    }
  }

  /** The part answers, with whatever processes it has now. */
  heard(): void {
    this.#looks = 0
    this.#looksWanting = 0
    for (const [pid, known] of this.#known) known.cpuMs = this.#entryOf(pid)?.cpuMs ?? known.cpuMs
    if (!this.#ended || this.#listenerEnded) return
    this.#ended = false
    this.#learn()
  }

  #learn(): void {
    for (const { pid, cpuMs } of membersOf(this.#group)) {
      if (!this.#known.has(pid)) this.#known.set(pid, { command: commandOf(pid), stopped: false, cpuMs })
    }
  }

  #isHere(entry: ProcessEntry | undefined): entry is ProcessEntry {
    return entry !== undefined && entry.group === this.#group && !hasEnded(entry)
  }
}
