/** A session between fated fakes, and what a client and the clock do to it. */
import { expect } from 'vitest'
import type { Session } from '../../../origin/session/session.ts'
import type { PreparedTick } from '../../../origin/session/tick.ts'
import { TICK_MS } from '../../../shared/media.ts'
import { createRig, type RecordingSink, settle } from '../fakes/session-fakes.ts'
import { type Fates, fatedChat, fatedVoice, Work } from './fates.ts'

export type Ending = 'rests' | 'interrupted' | 'closed' | 'closed after speech'
export const ENDINGS: readonly Ending[] = ['rests', 'interrupted', 'closed', 'closed after speech']

export class World {
  readonly session: Session
  readonly sink: RecordingSink
  readonly work = new Work()
  /** Of chats that may still be hung up. */
  readonly callers: AbortController[] = []
  readonly replies: Promise<unknown>[] = []
  /** Tasks that were answered with an id. */
  readonly spoken: string[] = []
  #interrupts = 0
  #dueMs = 0
  /** Ticks whose frame is not drawn yet. */
  readonly #late: PreparedTick[] = []

  constructor({ voices, chats }: Fates) {
    const { session, sink, services } = createRig({ tts: fatedVoice(voices, this.work), llm: fatedChat(chats, this.work) })
    const { pipeline } = services
    const fromText = pipeline.fromText.bind(pipeline)
    pipeline.fromText = (...asked) => this.work.track(fromText(...asked))
    this.session = session
    this.sink = sink
  }

  /** Every task that there was: those that were answered with an id, and those of chats and client sound. */
  get tasks(): string[] {
    const users = this.sink.of('chat').filter(({ role }) => role === 'user')
    const others = [...users, ...this.sink.of('audio_buffer_committed')].flatMap(({ task_id }) => task_id ?? [])
    return [...new Set([...this.spoken, ...others])]
  }

  /** Does what may interrupt, and counts that. */
  counting<T>(act: () => T): T {
    const before = this.sink.of('interrupted').length
    try {
      return act()
    } finally {
      this.#interrupts += this.sink.of('interrupted').length - before
    }
  }

  interrupt(): void {
    const before = this.sink.of('interrupted').length
    this.session.speech.interrupt()
    this.#interrupts += 1
    expect(this.sink.of('interrupted').length - before, 'acknowledgements of one interrupt').toBe(1)
    const finished = new Set(this.sink.of('speech_finished').map(({ task_id }) => task_id))
    expect(
      this.tasks.filter((task) => !finished.has(task)),
      'tasks after an interrupt',
    ).toEqual([])
  }

  /** @param late its frame comes with that of a later tick @param between is done between its two halves */
  async tick(late: boolean, between?: () => void): Promise<void> {
    this.#dueMs += TICK_MS
    const prepared = this.session.prepare(this.#dueMs)
    between?.()
    await settle()
    this.session.deliverSound(prepared)
    this.#late.push(prepared)
    if (late) return
    for (const shown of this.#late.splice(0)) {
      if (shown.request) this.session.deliverFrame(shown, { jpeg: new Uint8Array(1), size: 360 })
    }
  }

  /** Ends it in this way, and sees that nothing comes after. */
  async end(how: Ending): Promise<void> {
    const { session, sink } = this
    if (how === 'rests') {
      session.speech.resumeSpeech()
      for (let i = 0; i < 100; i++) await this.tick(false)
    }
    if (how === 'interrupted') this.interrupt()
    if (how === 'closed after speech') {
      this.counting(() => session.close('idle_timeout', { afterSpeech: true }))
      session.speech.resumeSpeech()
      for (let i = 0; i < 400 && sink.ended === undefined; i++) {
        await settle()
        const before = sink.of('interrupted').length
        await this.tick(false)
        this.#interrupts += sink.of('interrupted').length - before
      }
    }
    this.counting(() => session.close('client_stop', { afterSpeech: false }))
    const atEnd = sink.events.length
    for (let i = 0; i < 5; i++) await this.tick(false)
    await Promise.all(this.replies)
    await settle()
    expect(sink.ended, 'reason of the end').toMatch(/^(client_stop|idle_timeout)$/)
    expect(sink.events.length, 'events after the end').toBe(atEnd)
    expect(this.work.running, 'voices and minds at work after the end').toBe(0)
    expect(sink.activity.at(-1) ?? false, 'busy after the end').toBe(false)
    expect(sink.of('interrupted'), 'one acknowledgement an interrupt').toHaveLength(this.#interrupts)
  }
}
