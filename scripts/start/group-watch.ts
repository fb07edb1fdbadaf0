/** Looks at the processes of one part: whether one has ended that was there, or is stopped. */
import { basename } from 'node:path'
import { commandOf, membersOf, type ProcessEntry, processEntry } from './processes.ts'

export interface GroupSigns {
  stopped?: string
  listenerEnded: boolean
  processEnded: boolean
}

interface Known {
  command: string[]
  /** A signal had stopped it at the last look. */
  stopped: boolean
}

export class GroupWatch {
  readonly #group: number
  readonly #isListener: (command: string[]) => boolean
  #known: Map<number, Known>
  #ended = false
  #listenerEnded = false

  /** What runs now is what belongs to it. @param isListener which process has the port of the part */
  constructor(group: number, isListener: (command: string[]) => boolean = () => false) {
    this.#group = group
    this.#isListener = isListener
    this.#known = new Map(membersOf(group).map(({ pid }) => [pid, { command: commandOf(pid), stopped: false }]))
  }

  look(): GroupSigns {
    let stopped: string | undefined
    for (const [pid, known] of this.#known) {
      const entry = processEntry(pid)
      if (!this.#isHere(entry)) {
        this.#known.delete(pid)
        this.#ended = true
        if (this.#isListener(known.command)) this.#listenerEnded = true
        continue
      }
      const isStopped = entry.state === 'T'
      // at two looks: it is not going on again at once
      if (isStopped && known.stopped) stopped = nameOf(known.command)
      known.stopped = isStopped
    }
    return { ...(stopped === undefined ? {} : { stopped }), listenerEnded: this.#listenerEnded, processEnded: this.#ended }
  }

  /** The part answers, with whatever processes it has now. */
  accept(): void {
    if (!this.#ended || this.#listenerEnded) return
    this.#ended = false
    for (const { pid } of membersOf(this.#group)) {
      if (!this.#known.has(pid)) this.#known.set(pid, { command: commandOf(pid), stopped: false })
    }
  }

  #isHere(entry: ProcessEntry | undefined): entry is ProcessEntry {
    return entry !== undefined && entry.group === this.#group && entry.state !== 'Z'
  }
}

function nameOf(command: readonly string[]): string {
  return command
    .slice(0, 3)
    .filter((word) => !word.startsWith('-'))
    .map((word) => basename(word))
    .join(' ')
}
