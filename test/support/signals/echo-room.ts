/** A user before loudspeakers, simulated: what is played comes back into the microphone, later, quieter, with noise, and with what the user says. */

import { resample } from '../../../origin/codec/resample.ts'
import { GuardedTurnDetector } from '../../../origin/listening/guarded-turn-detector.ts'
import { SpeechDetector } from '../../../origin/listening/speech-detector.ts'
import type { EchoReference } from '../../../origin/listening/types.ts'
import type { VadWeights } from '../../../origin/listening/vad.ts'
import { noise, seeded, toPcm } from './noise.ts'

const MIC_RATE = 16_000
const PLAY_RATE = 24_000
const TICK_MS = 40
const PACKET_MS = 20

export interface Room {
  weights: VadWeights
  /** What the avatar says, PLAY_RATE. */
  played: Int16Array
  /** dB by which it comes back quieter; undefined: headphones. */
  echoDb: number | undefined
  delayMs: number
  /** dB of full scale. */
  noiseDb: number
  /** What the user says, MIC_RATE, and when it begins. */
  user?: { sound: Float32Array; atMs: number }
  /** ms that packets of the microphone come late, at most. */
  jitterMs?: number
  /** ms of speech that interrupt. */
  needMs?: number
  /** @default true: the detector is told what is played */
  guarded?: boolean
  /** ms between which the microphone is gone: its packets never come. */
  gone?: { fromMs: number; untilMs: number }
  /** ms that the room is heard after her last sound. @default 500 */
  tailMs?: number
  /** Of its noise and of its packets' lateness. */
  seed?: number
}

/** When turns of the user begin, ms of the room's clock; the avatar speaks from 0 on. */
export function turnsIn(room: Room): number[] {
  const {
    weights,
    played,
    echoDb,
    delayMs,
    noiseDb,
    user,
    jitterMs = 0,
    needMs = 200,
    guarded = true,
    seed = 11,
    tailMs = 500,
    gone,
  } = room
  const random = seeded(seed)
  const heard = resample(played, PLAY_RATE, MIC_RATE)
  const length = heard.length + (MIC_RATE * tailMs) / 1000
  const sound = noise('pink', length, random).map((value) => value * 10 ** (noiseDb / 20))
  const add = (more: ArrayLike<number>, atMs: number, gain: number): void => {
    const from = Math.round((atMs / 1000) * MIC_RATE)
    for (let i = 0; i < more.length && from + i < length; i++) sound[from + i] = (sound[from + i] ?? 0) + (more[i] ?? 0) * gain
  }
  if (echoDb !== undefined) {
    // the direct way and three walls
    for (const [laterMs, quieterDb] of [[0, 0], [7, 8], [19, 12], [43, 18]] as const) {
      add(heard, delayMs + laterMs, 10 ** (-(echoDb + quieterDb) / 20) / 32_768)
    }
  } // biome-ignore format: pairs
  if (user) add(user.sound, user.atMs, 1)
  const mic = toPcm(sound)

  let nowMs = 0
  const ring = new Int16Array(PLAY_RATE)
  const playedSound = { recent: () => ring, untilMs: 0 } satisfies EchoReference
  const hearing = new SpeechDetector({ weights, echoReference: playedSound, now: () => nowMs, onLevel: () => undefined })
  const detector = new GuardedTurnDetector({ threshold: 0.5, silenceMs: 500, maxMs: 60_000 })
  const begun: number[] = []
  const arrivals = Array.from(
    { length: Math.floor(mic.length / ((MIC_RATE * PACKET_MS) / 1000)) },
    (_, i) => (i + 1) * PACKET_MS + random() * jitterMs,
  )
  let packet = 0
  let arrivedMs = 0
  for (; packet < arrivals.length; nowMs += 1) {
    if (nowMs % TICK_MS === 0) {
      const from = (nowMs / 1000) * PLAY_RATE
      ring.copyWithin(0, (PLAY_RATE * TICK_MS) / 1000)
      ring.fill(0, ring.length - (PLAY_RATE * TICK_MS) / 1000)
      if (guarded) ring.set(played.subarray(from, from + (PLAY_RATE * TICK_MS) / 1000), ring.length - (PLAY_RATE * TICK_MS) / 1000)
      playedSound.untilMs = nowMs + TICK_MS
    }
    arrivedMs = Math.max(arrivedMs, arrivals[packet] ?? 0)
    while (packet < arrivals.length && arrivedMs <= nowMs) {
      const size = (MIC_RATE * PACKET_MS) / 1000
      const takenMs = packet * PACKET_MS
      const came = !gone || takenMs < gone.fromMs || takenMs >= gone.untilMs
      if (came) {
        hearing.push(mic.subarray(packet * size, (packet + 1) * size), (row, untilMs) => {
          if (detector.push(row, untilMs, needMs)?.type === 'started') begun.push(nowMs)
        })
      }
      packet += 1
      arrivedMs = Math.max(arrivedMs, arrivals[packet] ?? 0)
    }
  }
  hearing.close()
  return begun
}
