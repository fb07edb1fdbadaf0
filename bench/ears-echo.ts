/** Rooms in which her voice comes back from loudspeakers: how often she takes it for the user's, and how soon the user is heard above it. */
import { concatPcm } from '../origin/dsp/pcm.ts'
import type { VadWeights } from '../origin/listening/vad.ts'
import { createFliteVoice } from '../origin/providers/tts/flite/index.ts'
import { type Room, turnsIn } from '../test/support/signals/echo-room.ts'
import { embeddedSpeech, LEVEL, type TestSpeech } from '../test/support/signals/test-speech.ts'
import { quantile, tenths } from './figures.ts'

const HER_TEXTS = [
  'Welcome to our interactive avatar system, I can say anything that you type.',
  'It came back with many fish in the end.',
  'Your order has left our warehouse and will arrive on Tuesday morning.',
]
const ECHOES_DB = [6, 12, 20]
const DELAYS_MS = [50, 100, 200, 300]
/** Noise of the room, dBFS, and lateness of the microphone's packets, ms. */
const CONDITIONS = [
  { noiseDb: -60, jitterMs: 20 },
  { noiseDb: -60, jitterMs: 60 },
  { noiseDb: -45, jitterMs: 20 },
  { noiseDb: -45, jitterMs: 60 },
]
/** dB by which a quiet user is below her; the other is as loud as she is played. */
const QUIET_DB = -9
/** When the user begins, ms after her: at vowels, consonants and rests of hers. */
const TALKS_AT_MS = [3_000, 4_100, 5_200, 6_300, 7_400]
/** Within which the user ought to have been noticed: the speech that it takes, the detector's delay, packets, and a little. */
const SOON_MS = 350
/** Short words over the first that she says in a session, and when they begin, ms after her. */
const FIRST_TEXTS = ['Hello there.', 'How can I help you?', 'Would you like to hear more about it?']
const SHORT_WORDS = ['No.', 'Stop.', 'Yes please.']
const SHORT_AT_MS = [100, 300, 500, 700, 900]
/** Samples of her voice in a ms. */
const PLAYED_PER_MS = 24
/** ms in one row of `TestSpeech.said`. */
const SAID_ROW_MS = 20

/** Her voice as it is played. */
async function herVoice(texts: readonly string[]): Promise<Int16Array> {
  const flite = await createFliteVoice()
  const pieces: Int16Array[] = []
  for (const text of texts) {
    for await (const { pcm } of flite.speak({ text, voiceId: 'flite_slt', settings: {} }, new AbortController().signal)) pieces.push(pcm)
  }
  await flite.close()
  return concatPcm(pieces)
}

/** ms until the user was noticed, negative where a turn began before; Infinity where none did. */
function noticedAfterMs(room: Room, { sound, said }: TestSpeech, atMs: number): number {
  const [begun = Number.POSITIVE_INFINITY] = turnsIn({ ...room, user: { sound, atMs } })
  return begun - (atMs + said.indexOf(true) * SAID_ROW_MS)
}

/** RMS of the loud parts, 0 to 1. */
function loudness(pcm: Int16Array): number {
  const most = pcm.reduce((max, value) => Math.max(max, Math.abs(value)), 0)
  const loud = pcm.filter((value) => Math.abs(value) > 0.02 * most)
  return Math.sqrt(loud.reduce((sum, value) => sum + value * value, 0) / loud.length) / 32_768
}

/** @param users utterances of one voice that is not hers, at LEVEL */
export async function benchEcho(weights: VadWeights, users: readonly TestSpeech[]): Promise<Record<string, number>> {
  const played = await herVoice(HER_TEXTS)
  const rooms = ECHOES_DB.flatMap((echoDb) => DELAYS_MS.map((delayMs) => ({ echoDb, delayMs })))
  const alone = rooms.flatMap((room) => CONDITIONS.map((condition) => ({ weights, played, ...room, ...condition })))
  const falseTurns = alone.map((room, seed) => turnsIn({ ...room, seed }).length)

  const talkOver = (levelDb: number): Record<string, number> => {
    const gain = (loudness(played) / LEVEL) * 10 ** (levelDb / 20)
    const talks = TALKS_AT_MS.flatMap((atMs, i) => {
      const [user, condition] = [users[i % users.length], CONDITIONS[i % CONDITIONS.length]]
      return user && condition ? [{ atMs, condition, user: { ...user, sound: user.sound.map((value) => value * gain) } }] : []
    })
    const afterMs = (room: Pick<Room, 'echoDb' | 'delayMs'>, seed: number): number[] =>
      talks.map(({ atMs, user, condition }, i) => noticedAfterMs({ weights, played, ...room, ...condition, seed: seed + i }, user, atMs))
    const over = rooms.flatMap((room, i) => afterMs(room, i * talks.length))
    return {
      rooms: over.length,
      early_turns: over.filter((ms) => ms < 0).length,
      missed: over.filter((ms) => ms === Number.POSITIVE_INFINITY).length,
      [`within_${SOON_MS}_ms`]: over.filter((ms) => ms >= 0 && ms <= SOON_MS).length,
      p50_ms: tenths(quantile(over, 0.5)),
      p90_ms: tenths(quantile(over, 0.9)),
      max_ms: tenths(Math.max(...over)),
      no_echo_p50_ms: tenths(quantile(afterMs({ echoDb: undefined, delayMs: 0 }, 0), 0.5)),
    }
  }
  const named = (prefix: string, values: Record<string, number>): Record<string, number> =>
    Object.fromEntries(Object.entries(values).map(([name, value]) => [`${prefix}_${name}`, value]))
  return {
    echo_rooms: alone.length,
    ...(await benchFirstSentences(weights)),
    echo_false_turns: falseTurns.reduce((total, turns) => total + turns, 0),
    ...named('talk_over', talkOver(0)),
    ...named('talk_over_quiet', talkOver(QUIET_DB)),
  }
}

/** Short words over her first sentence, while nothing is known of the room: how many are noticed while they are said or 400 ms later. */
async function benchFirstSentences(weights: VadWeights): Promise<Record<string, number>> {
  const first = await Promise.all(FIRST_TEXTS.map((text) => herVoice([text])))
  const words = await embeddedSpeech(['flite_rms', 'flite_awb', 'flite_kal16'], SHORT_WORDS)
  const figures: Record<string, number> = { first_alone_rooms: 0, first_alone_false_turns: 0 }
  for (const echoDb of [undefined, ...ECHOES_DB]) {
    let [said, heard] = [0, 0]
    for (const [i, played] of first.entries()) {
      for (const [j, { sound, said: truth }] of words.entries()) {
        for (const atMs of SHORT_AT_MS.filter((ms) => ms < played.length / PLAYED_PER_MS - 100)) {
          const delayMs = DELAYS_MS[(i + j) % DELAYS_MS.length] ?? 0
          const condition = { noiseDb: -55, jitterMs: j % 2 === 0 ? 20 : 60, seed: i * words.length + j, tailMs: 1_500 }
          const begun = turnsIn({ weights, played, echoDb, delayMs, ...condition, user: { sound, atMs } })
          const [fromMs, untilMs] = [atMs + truth.indexOf(true) * SAID_ROW_MS, atMs + truth.lastIndexOf(true) * SAID_ROW_MS]
          said += 1
          if (begun.some((ms) => ms >= fromMs && ms < untilMs + 400)) heard += 1
        }
      }
    }
    figures[`first_heard_${echoDb ?? 'no'}_echo`] = heard / said
  }
  for (const [i, played] of first.entries()) {
    const rooms = ECHOES_DB.flatMap((echoDb) =>
      DELAYS_MS.flatMap((delayMs) => CONDITIONS.map((condition) => ({ echoDb, delayMs, ...condition }))),
    )
    figures.first_alone_rooms = (figures.first_alone_rooms ?? 0) + rooms.length
    const turns = rooms.map((room, j) => turnsIn({ weights, played, ...room, seed: i * rooms.length + j, tailMs: 1_500 }).length)
    figures.first_alone_false_turns = turns.reduce((sum, some) => sum + some, figures.first_alone_false_turns ?? 0)
  }
  return figures
}
