/** Random orders of everything that can happen to a session's speech, and what has to hold in each of them. */
import process from 'node:process'
import { expect, it } from 'vitest'
import type { ChatProvider, ReplyPart } from '../../../origin/providers/llm/types.ts'
import type { SpeechProvider } from '../../../origin/providers/tts/types.ts'
import type { PreparedTick } from '../../../origin/session/tick.ts'
import { AvatarError } from '../../../shared/errors.ts'
import type { OriginEvent } from '../../../shared/events.ts'
import { SAMPLE_RATE, TICK_MS } from '../../../shared/media.ts'
import { createRig, type RecordingSink, SECONDS_PER_CHAR, settle } from '../../support/fakes/session-fakes.ts'

const RUNS = 100
const STEPS = 40
/** A failure names its seed; setting it repeats that order as the first. */
const SEED = Number(process.env.PROPERTY_SEED ?? Math.floor(Math.random() * 2 ** 31))
const WORDS = ['one', 'two,', 'three.', 'four', 'fifteen', 'a', 'wonderful', 'day!', 'why?', 'yes;']

/** Mulberry32. */
class Dice {
  #state: number
  constructor(seed: number) {
    this.#state = seed
  }
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  below(limit: number): number {
    return Math.floor(this.next() * limit)
  }
  chance(share: number): boolean {
    return this.next() < share
  }
  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T
  }
  text(): string {
    return Array.from({ length: 1 + this.below(8) }, () => this.pick(WORDS)).join(' ')
  }
}

/** What the fakes still do. */
class Work {
  running = 0
  async *track<T>(items: AsyncIterable<T>): AsyncGenerator<T> {
    this.running += 1
    try {
      yield* items
    } finally {
      this.running -= 1
    }
  }
}

async function pause(dice: Dice, signal: AbortSignal): Promise<void> {
  for (let i = dice.below(40); i > 0; i--) await Promise.resolve()
  signal.throwIfAborted()
}
const hang = (signal: AbortSignal) =>
  new Promise<never>((_, reject) => {
    if (signal.aborted) reject(signal.reason)
    else signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })

function randomTts(dice: Dice, work: Work): SpeechProvider {
  async function* speak({ text }: { text: string }, signal: AbortSignal) {
    const samples = Math.round(text.length * SECONDS_PER_CHAR * SAMPLE_RATE)
    const breaksAt = dice.chance(0.05) ? dice.below(samples) : Number.POSITIVE_INFINITY
    const withPhones = dice.chance(0.5)
    let at = 0
    while (at < samples) {
      await pause(dice, signal)
      if (at >= breaksAt) throw new AvatarError('PROVIDER_FAILED', 'The voice broke.')
      const length = withPhones ? samples : Math.min(samples - at, 480 * (1 + dice.below(40)))
      const phones = [{ name: 'aa', startS: 0, endS: samples / SAMPLE_RATE }]
      yield { pcm: new Int16Array(length).fill(1000), ...(withPhones ? { phones } : {}) }
      at += length
    }
  }
  return {
    name: 'fake',
    voices: [{ voice_id: 'fake_a', name: 'A', provider: 'fake', language: 'en', default: true }],
    defaultVoiceId: 'fake_a',
    speak: (request, signal) => work.track(speak(request, signal)),
    estimateDurationS: (text) => text.length * SECONDS_PER_CHAR,
    close: async () => undefined,
  }
}

function randomLlm(dice: Dice, work: Work): ChatProvider {
  async function* reply(signal: AbortSignal): AsyncGenerator<ReplyPart> {
    const fate = dice.pick(['ends', 'ends', 'calls', 'breaks', 'hangs'])
    for (const word of dice.text().split(' ')) {
      await pause(dice, signal)
      if (fate === 'breaks' && dice.chance(0.3)) throw new AvatarError('PROVIDER_FAILED', 'The mind broke.')
      yield { type: 'text', text: `${word} ` }
    }
    if (fate === 'calls') yield { type: 'tool_call', index: 0, id: `call_${dice.next()}`, name: 'weather', arguments: '{}' }
    if (fate === 'hangs') await hang(signal)
  }
  return { name: 'fake', defaultModel: 'fake', reply: (_request, signal) => work.track(reply(signal)) }
}

async function randomOrder(seed: number): Promise<void> {
  const dice = new Dice(seed)
  const work = new Work()
  const { session, sink, services } = createRig({ tts: randomTts(dice, work), llm: randomLlm(dice, work) })
  const { speech } = session
  const { pipeline } = services
  const fromText = pipeline.fromText.bind(pipeline)
  pipeline.fromText = (...asked) => work.track(fromText(...asked))
  const callers: AbortController[] = []
  const replies: Promise<unknown>[] = []
  const late: PreparedTick[] = []
  let interrupts = 0
  let dueMs = 0
  const open = () => {
    const finished = new Set(sink.of('speech_finished').map(({ task_id }) => task_id))
    return tasksOf(sink, spoken).filter((task) => !finished.has(task))
  }
  const spoken: string[] = []
  const countInterrupts = <T>(act: () => T): T => {
    const before = sink.of('interrupted').length
    const result = act()
    interrupts += sink.of('interrupted').length - before
    return result
  }
  const interrupt = () => {
    const before = sink.of('interrupted').length
    speech.interrupt()
    interrupts += 1
    expect(sink.of('interrupted').length - before, 'acknowledgements of one interrupt').toBe(1)
    expect(open(), 'tasks after an interrupt').toEqual([])
  }
  /** A tick, with something between its two halves. */
  const tick = async (between?: () => void) => {
    dueMs += TICK_MS
    const prepared = session.prepare(dueMs)
    between?.()
    await settle()
    session.deliverSound(prepared)
    late.push(prepared)
    while (late.length > 0 && !dice.chance(0.2)) {
      const shown = late.shift()
      if (shown?.request) session.deliverFrame(shown, { jpeg: new Uint8Array(1), size: 360 })
    }
  }
  const acts: (() => void)[] = [
    () => {
      const mode = dice.pick(['queue', 'queue', 'interrupt'] as const)
      try {
        spoken.push(countInterrupts(() => session.speech.speak({ text: dice.text(), mode })).task_id)
      } catch (thrown) {
        expect(thrown).toMatchObject({ code: 'RATE_LIMITED' })
      }
    },
    () => {
      const caller = new AbortController()
      callers.push(caller)
      const messages = [{ role: 'user' as const, content: 'Hello' }]
      const mode = dice.pick(['queue', 'queue', 'interrupt'] as const)
      countInterrupts(() =>
        replies.push(session.speech.chat({ messages, mode, stream: true }, () => undefined, caller.signal).catch(() => undefined)),
      )
    },
    () => void speech.answer(dice.text()),
    () => {
      const data = { audio: 'AAAA', format: 'auto' as const, sample_rate: 24_000, channels: 1 }
      session.handleEvent({ type: 'audio_buffer_append', data }, 'a')
      session.handleEvent({ type: 'audio_buffer_commit' }, 'a')
    },
    () => countInterrupts(() => callers.splice(dice.below(callers.length), 1)[0]?.abort()),
    () => void speech.pauseSpeech(),
    () => void speech.resumeSpeech(),
    interrupt,
  ]
  for (let step = 0; step < STEPS; step++) {
    const act = dice.chance(0.5) ? dice.pick(acts) : undefined
    if (act && dice.chance(0.5)) act()
    if (dice.chance(0.3)) await settle()
    if (act && dice.chance(0.3)) await tick(act)
    for (let ticks = dice.below(12); ticks > 0; ticks--) await tick()
  }
  // the end: at once, or after the sentence; with speech held, or not
  const how = dice.pick(['rests', 'interrupted', 'closed', 'closed after speech'])
  if (how === 'rests') {
    speech.resumeSpeech()
    for (let i = 0; i < 100; i++) await tick()
  }
  if (how === 'interrupted') interrupt()
  if (how === 'closed after speech') {
    countInterrupts(() => session.close('idle_timeout', { afterSpeech: true }))
    speech.resumeSpeech()
    for (let i = 0; i < 400 && sink.ended === undefined; i++) {
      await settle()
      const before = sink.of('interrupted').length
      await tick()
      interrupts += sink.of('interrupted').length - before
    }
  }
  countInterrupts(() => session.close('client_stop', { afterSpeech: false }))
  const atEnd = sink.events.length
  for (let i = 0; i < 5; i++) await tick()
  await Promise.all(replies)
  await settle()
  expect(sink.ended, 'reason of the end').toBeDefined()
  expect(sink.events.length, 'events after the end').toBe(atEnd)
  expect(work.running, 'voices and minds at work after the end').toBe(0)
  expect(sink.activity.at(-1) ?? false, 'busy after the end').toBe(false)
  expect(sink.of('interrupted'), 'one acknowledgement an interrupt').toHaveLength(interrupts)
  checkEvents(sink, tasksOf(sink, spoken))
}

/** Every task that there was: those that were answered with an id, and those of chats and client sound. */
function tasksOf(sink: RecordingSink, spoken: readonly string[]): string[] {
  const users = sink.of('chat').filter(({ role }) => role === 'user')
  const others = [...users, ...sink.of('audio_buffer_committed')].flatMap(({ task_id }) => task_id ?? [])
  return [...new Set([...spoken, ...others])]
}

function checkEvents(sink: RecordingSink, tasks: readonly string[]): void {
  const count = (type: 'speech_finished' | 'turn_metrics' | 'speech_started', task: string) =>
    sink.of(type).filter(({ task_id }) => task_id === task).length
  for (const task of tasks) {
    expect(count('speech_finished', task), 'ends of a task').toBe(1)
    expect(count('turn_metrics', task), 'metrics of a task').toBe(1)
    expect(count('speech_started', task), 'beginnings of a task').toBeLessThanOrEqual(1)
  }
  let generation = 0
  let sounding: string | undefined
  let held: string | undefined
  let status = 'idle'
  let toldAt = Number.NEGATIVE_INFINITY
  const finished = new Set<string>()
  const covered = new Map<string, number>()
  for (const { event } of sink.events) {
    expect(event.generation ?? generation, `generation of ${event.type}`).toBeGreaterThanOrEqual(generation)
    generation = event.generation ?? generation
    const task = event.task_id ?? undefined
    // a picture may follow its sound, within the same generation
    if (task !== undefined && event.type !== 'interrupted' && event.type !== 'frame')
      expect(finished.has(task), `${event.type} after its task`).toBe(false)
    switch (event.type) {
      case 'speech_started':
        expect(sounding, 'task that sounds when another begins').toBeUndefined()
        expect(held, 'task that is held when another begins').toBeUndefined()
        sounding = task
        break
      case 'speech_paused':
        expect(held, 'task that is held already').toBeUndefined()
        held = task
        break
      case 'speech_resumed':
        expect(held, 'task that was held').toBe(task)
        held = undefined
        break
      case 'interrupted':
        held = undefined
        break
      case 'speech_finished':
        expect(held, 'held task that ends').not.toBe(task)
        if (sounding === task) sounding = undefined
        if (event.reason === 'completed') expect(event.played_ms, 'ms that sounded').toBe(Math.round(covered.get(task ?? '') ?? 0))
        finished.add(task ?? '')
        break
      case 'audio':
        checkSound(event)
        break
      case 'word':
        expect(held, 'held while a word sounds').toBeUndefined()
        expect(sounding, 'task of a word').toBe(task)
        break
      case 'status':
        expect(event.status, 'status told twice').not.toBe(status)
        if (event.status === 'speaking') expect(sounding, 'task that sounds').toBeDefined()
        status = event.status
        break
    }
  }
  expect(status, 'status at the end').toBe('idle')

  function checkSound(event: Extract<OriginEvent, { type: 'audio' }>): void {
    expect(held, 'held while it sounds').toBeUndefined()
    expect(sounding, 'task of a sound').toBe(event.task_id)
    if (event.format === 'wav') {
      const before = covered.get(event.task_id ?? '') ?? 0
      expect(event.pts_ms, 'gap in a task’s sound').toBeLessThanOrEqual(before + 0.001)
      covered.set(event.task_id ?? '', Math.max(before, event.pts_ms + event.duration * 1000))
      return
    }
    expect(event.timestamp, 'time of a sound').toBeGreaterThan(toldAt)
    toldAt = event.timestamp
  }
}

it(`holds in ${RUNS} random orders of events, from seed ${SEED} on`, async () => {
  for (let run = 0; run < RUNS; run++) {
    const seed = SEED + run
    await randomOrder(seed).catch((thrown: unknown) => {
      throw new Error(`PROPERTY_SEED=${seed} repeats it: ${thrown instanceof Error ? thrown.message : String(thrown)}`, { cause: thrown })
    })
  }
}, 600_000)
