/** Voices and language models whose every step was drawn beforehand: the same fates give the same run. */
import * as fc from 'fast-check'
import type { ChatProvider, ReplyPart } from '../../../origin/providers/llm/types.ts'
import type { SpeechProvider } from '../../../origin/providers/tts/types.ts'
import { AvatarError } from '../../../shared/errors.ts'
import { SAMPLE_RATE } from '../../../shared/media.ts'
import { fakeTts, SECONDS_PER_CHAR } from '../fakes/session-fakes.ts'

const WORDS = ['one', 'two,', 'three.', 'four', 'fifteen', 'a', 'wonderful', 'day!', 'why?', 'yes;']
/** Samples of the smallest piece of sound: 20 ms. */
const PIECE_SAMPLES = 480

/** What becomes of one text that is spoken. */
interface VoiceFate {
  /** Turns of the microtask queue before each piece, over and over. */
  waits: number[]
  /** Lengths of pieces in PIECE_SAMPLES, over and over. */
  pieces: number[]
  /** All in one piece, with phones. */
  withPhones: boolean
  /** Pieces before it breaks; undefined: never. */
  breaksAfter: number | undefined
}

/** What becomes of one reply. */
interface ChatFate {
  words: string[]
  waits: number[]
  end: 'ends' | 'calls a tool' | 'breaks' | 'hangs'
}

export interface Fates {
  /** One after another, over and over. */
  voices: VoiceFate[]
  chats: ChatFate[]
}

const words = fc.array(fc.constantFrom(...WORDS), { minLength: 1, maxLength: 8 })
export const someText = words.map((list) => list.join(' '))
const waits = fc.array(fc.nat(39), { minLength: 1, maxLength: 6 })
const never = { weight: 19, arbitrary: fc.constant(undefined) }
const voice: fc.Arbitrary<VoiceFate> = fc.record({
  waits,
  pieces: fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 6 }),
  withPhones: fc.boolean(),
  breaksAfter: fc.oneof(never, { weight: 1, arbitrary: fc.nat(5) }),
})
const chat: fc.Arbitrary<ChatFate> = fc.record({
  words,
  waits,
  end: fc.constantFrom<ChatFate['end']>('ends', 'ends', 'calls a tool', 'breaks', 'hangs'),
})
export const someFates: fc.Arbitrary<Fates> = fc.record({
  voices: fc.array(voice, { minLength: 1, maxLength: 8 }),
  chats: fc.array(chat, { minLength: 1, maxLength: 4 }),
})

/** What the fakes still do. */
export class Work {
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

const over = <T>(list: readonly T[], i: number): T => list[i % list.length] as T

async function pause(turns: number, signal: AbortSignal): Promise<void> {
  for (let i = turns; i > 0; i--) await Promise.resolve()
  signal.throwIfAborted()
}

const hang = (signal: AbortSignal) =>
  new Promise<never>((_, reject) => {
    if (signal.aborted) reject(signal.reason)
    else signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })

export function fatedVoice(fates: readonly VoiceFate[], work: Work): SpeechProvider {
  let asked = 0
  async function* speak({ text }: { text: string }, signal: AbortSignal) {
    const fate = over(fates, asked++)
    const samples = Math.round(text.length * SECONDS_PER_CHAR * SAMPLE_RATE)
    for (let at = 0, i = 0; at < samples; i++) {
      await pause(over(fate.waits, i), signal)
      if (i === fate.breaksAfter) throw new AvatarError('PROVIDER_FAILED', 'The voice broke.')
      const length = fate.withPhones ? samples : Math.min(samples - at, PIECE_SAMPLES * over(fate.pieces, i))
      const phones = [{ name: 'aa', startS: 0, endS: samples / SAMPLE_RATE }]
      yield { pcm: new Int16Array(length).fill(1000), ...(fate.withPhones ? { phones } : {}) }
      at += length
    }
  }
  return { ...fakeTts, speak: (request, signal) => work.track(speak(request, signal)) }
}

export function fatedChat(fates: readonly ChatFate[], work: Work): ChatProvider {
  let asked = 0
  async function* reply(signal: AbortSignal): AsyncGenerator<ReplyPart> {
    const number = asked++
    const fate = over(fates, number)
    for (const [i, word] of fate.words.entries()) {
      await pause(over(fate.waits, i), signal)
      if (fate.end === 'breaks' && i === fate.words.length - 1) throw new AvatarError('PROVIDER_FAILED', 'The mind broke.')
      yield { type: 'text', text: `${word} ` }
    }
    if (fate.end === 'calls a tool') yield { type: 'tool_call', index: 0, id: `call_${number}`, name: 'weather', arguments: '{}' }
    if (fate.end === 'hangs') await hang(signal)
  }
  return { name: 'fake', defaultModel: 'fake', reply: (_request, signal) => work.track(reply(signal)) }
}
