/** Rooms in which her voice comes back from loudspeakers: how often she takes it for the user's, and how soon the user is heard above it. */
import { concatPcm } from '../origin/codec/resample.ts'
import type { VadWeights } from '../origin/ears/vad.ts'
import { createFliteVoice } from '../origin/providers/flite/index.ts'
import { type Room, turnsIn } from '../test/support/echo-room.ts'
import type { TestSpeech } from '../test/support/test-speech.ts'
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
/** When the user begins, ms after her: at vowels, consonants and rests of hers. */
const TALKS_AT_MS = [3_000, 4_100, 5_200, 6_300, 7_400]
/** Within which the user ought to have been noticed: the speech that it takes, the detector's delay, packets, and a little. */
const SOON_MS = 350
/** ms in one row of `TestSpeech.said`. */
const SAID_ROW_MS = 20

/** Her voice as it is played. */
async function herVoice(): Promise<Int16Array> {
  const flite = await createFliteVoice()
  const pieces: Int16Array[] = []
  for (const text of HER_TEXTS) {
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

/** @param users utterances of one voice that is not hers */
export async function benchEcho(weights: VadWeights, users: readonly TestSpeech[]): Promise<Record<string, number>> {
  const played = await herVoice()
  const rooms = ECHOES_DB.flatMap((echoDb) => DELAYS_MS.map((delayMs) => ({ weights, played, echoDb, delayMs })))
  const alone = rooms.flatMap((room) => CONDITIONS.map((condition) => ({ ...room, ...condition })))
  const falseTurns = alone.map((room, seed) => turnsIn({ ...room, seed }).length)

  const talks = TALKS_AT_MS.flatMap((atMs, i) => {
    const user = users[i % users.length]
    return user ? [{ atMs, user, condition: CONDITIONS[i % CONDITIONS.length] ?? { noiseDb: -60, jitterMs: 20 } }] : []
  })
  const over = rooms.flatMap((room, i) =>
    talks.map(({ atMs, user, condition }, j) => noticedAfterMs({ ...room, ...condition, seed: 5 * i + j }, user, atMs)),
  )
  const withoutEcho = talks.map(({ atMs, user, condition }, seed) =>
    noticedAfterMs({ weights, played, echoDb: undefined, delayMs: 0, ...condition, seed }, user, atMs),
  )
  return {
    echo_rooms: alone.length,
    echo_false_turns: falseTurns.reduce((total, turns) => total + turns, 0),
    talk_over_rooms: over.length,
    talk_over_early_turns: over.filter((ms) => ms < 0).length,
    talk_over_missed: over.filter((ms) => ms === Number.POSITIVE_INFINITY).length,
    talk_over_p50_ms: tenths(quantile(over, 0.5)),
    talk_over_p90_ms: tenths(quantile(over, 0.9)),
    talk_over_max_ms: tenths(Math.max(...over)),
    [`talk_over_within_${SOON_MS}_ms`]: over.filter((ms) => ms >= 0 && ms <= SOON_MS).length,
    no_echo_p50_ms: tenths(quantile(withoutEcho, 0.5)),
  }
}
