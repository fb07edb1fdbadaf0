/** Rooms in which her voice comes back from loudspeakers: how often she takes it for the user's, and how soon the user is heard above it. */
import { concatPcm } from '../origin/dsp/pcm.ts'
import type { VadWeights } from '../origin/listening/vad.ts'
import { createFliteVoice } from '../origin/providers/tts/flite/index.ts'
import { type Room, turnsIn } from '../test/support/signals/echo-room.ts'
import { LEVEL, type TestSpeech } from '../test/support/signals/test-speech.ts'
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

/** RMS of the loud parts, 0 to 1. */
function loudness(pcm: Int16Array): number {
  const most = pcm.reduce((max, value) => Math.max(max, Math.abs(value)), 0)
  const loud = pcm.filter((value) => Math.abs(value) > 0.02 * most)
  return Math.sqrt(loud.reduce((sum, value) => sum + value * value, 0) / loud.length) / 32_768
}

/** @param users utterances of one voice that is not hers, at LEVEL */
export async function benchEcho(weights: VadWeights, users: readonly TestSpeech[]): Promise<Record<string, number>> {
  const played = await herVoice()
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
    echo_false_turns: falseTurns.reduce((total, turns) => total + turns, 0),
    ...named('talk_over', talkOver(0)),
    ...named('talk_over_quiet', talkOver(QUIET_DB)),
  }
}
