/** Everything that can happen to a session's speech, as commands that can be put in any order and left out one by one. */
import * as fc from 'fast-check'
import { expect } from 'vitest'
import { settle } from '../fakes/session-fakes.ts'
import { someText } from './fates.ts'
import type { World } from './world.ts'

/** What decides which commands make sense: chats that may be hung up. */
interface Model {
  callers: number
}
export type SessionCommand = fc.AsyncCommand<Model, World>

type Mode = 'queue' | 'interrupt'
type Place = 'between ticks' | 'within a tick'

/** One act, at rest or between the two halves of a tick. */
class Act implements SessionCommand {
  readonly #words: string
  readonly #place: Place
  readonly #act: (world: World) => void
  readonly #callers: (before: number) => number

  constructor(words: string, place: Place, act: (world: World) => void, callers = (before: number): number => before) {
    this.#words = words
    this.#place = place
    this.#act = act
    this.#callers = callers
  }
  check({ callers }: Readonly<Model>): boolean {
    return this.#callers(callers) >= 0
  }
  async run(model: Model, world: World): Promise<void> {
    model.callers = this.#callers(model.callers)
    const act = (): void => this.#act(world)
    if (this.#place === 'within a tick') await world.tick(false, act)
    else act()
  }
  toString(): string {
    return `${this.#words} ${this.#place}`
  }
}

/** Ticks of the clock; those that are true have their frame late. */
class Ticks implements SessionCommand {
  readonly #late: readonly boolean[]
  constructor(late: readonly boolean[]) {
    this.#late = late
  }
  check(): boolean {
    return true
  }
  async run(_model: Model, world: World): Promise<void> {
    for (const late of this.#late) await world.tick(late)
  }
  toString(): string {
    return `ticks [${this.#late.map((late) => (late ? 'late' : 'in time')).join(', ')}]`
  }
}

class Settle implements SessionCommand {
  check(): boolean {
    return true
  }
  async run(): Promise<void> {
    await settle()
  }
  toString(): string {
    return 'settle'
  }
}

function speak(world: World, text: string, mode: Mode): void {
  try {
    world.spoken.push(world.counting(() => world.session.speech.speak({ text, mode })).task_id)
  } catch (thrown) {
    expect(thrown).toMatchObject({ code: 'RATE_LIMITED' })
  }
}

function chat(world: World, mode: Mode): void {
  const caller = new AbortController()
  world.callers.push(caller)
  const messages = [{ role: 'user' as const, content: 'Hello' }]
  const asked = { messages, mode, stream: true }
  const reply = world.counting(() => world.session.speech.chat(asked, () => undefined, caller.signal))
  world.replies.push(reply.catch(() => undefined))
}

function bringSound({ session }: World): void {
  const data = { audio: 'AAAA', format: 'auto' as const, sample_rate: 24_000, channels: 1 }
  session.handleEvent({ type: 'audio_buffer_append', data }, 'a')
  session.handleEvent({ type: 'audio_buffer_commit' }, 'a')
}

function hangUp(world: World, which: number): void {
  const [caller] = world.callers.splice(which % world.callers.length, 1)
  world.counting(() => caller?.abort())
}

const place = fc.constantFrom<Place>('between ticks', 'within a tick')
const mode = fc.constantFrom<Mode>('queue', 'queue', 'interrupt')
const act = (words: string, run: (world: World) => void): fc.Arbitrary<SessionCommand> => place.map((where) => new Act(words, where, run))

const commands: fc.Arbitrary<SessionCommand>[] = [
  fc
    .tuple(someText, mode, place)
    .map(([text, how, where]) => new Act(`speak "${text}" (${how})`, where, (world) => speak(world, text, how))),
  fc.tuple(mode, place).map(
    ([how, where]) =>
      new Act(
        `chat (${how})`,
        where,
        (world) => chat(world, how),
        (callers) => callers + 1,
      ),
  ),
  fc.tuple(someText, place).map(([text, where]) => new Act(`answer "${text}"`, where, ({ session }) => void session.speech.answer(text))),
  fc.tuple(fc.nat(9), place).map(
    ([which, where]) =>
      new Act(
        `hang up ${which}`,
        where,
        (world) => hangUp(world, which),
        (callers) => callers - 1,
      ),
  ),
  act('bring sound', bringSound),
  act('pause', ({ session }) => void session.speech.pauseSpeech()),
  act('resume', ({ session }) => void session.speech.resumeSpeech()),
  act('interrupt', (world) => world.interrupt()),
  fc.constant(new Settle()),
  // most of the time, time passes
  ...Array.from({ length: 6 }, () => fc.array(fc.boolean(), { maxLength: 12 }).map((late) => new Ticks(late))),
]

/** @param replayPath of a failure's report: begins with what was left out there */
export const someCommands = (replayPath?: string) =>
  fc.commands(commands, { maxCommands: 80, size: 'max', ...(replayPath === undefined ? {} : { replayPath }) })
