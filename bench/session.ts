/**
 * A client written from the API reference alone, measured: how soon she appears, speaks and stops, and how steadily.
 * `node bench/session.ts [API_URL WS_URL] [seconds]`; without addresses it starts the system itself, with a language model
 * that is played by the script, and measures its conversation too.
 */
import process from 'node:process'
import { setTimeout as delay } from 'node:timers/promises'
import { ApiClient } from '../test/support/clients/api-client.ts'
import type { ReceivedEvent } from '../test/support/clients/socket-client.ts'
import { killDescendant } from '../test/support/servers/processes.ts'
import { startSystem } from '../test/support/servers/running-system.ts'
import { startVendorServer } from '../test/support/servers/vendor-server.ts'
import { difference, mouthRegion } from '../test/support/signals/mouth.ts'
import { type Figures, hundredths, quantile, sum, type Threshold, tell, tenths } from './figures.ts'
import { measureTurns } from './turns.ts'

const TEXT = 'Welcome to our interactive AI avatar system! I can say anything you type.'
const SPEAKS = 12
const INTERRUPTS = 12
const THRESHOLDS: readonly Threshold[] = [
  { name: 'first_frame_ms', unit: 'ms', atMost: 250 },
  { name: 'fps', unit: 'frames/s', atLeast: 24.5 },
  { name: 'frame_gap_max_ms', unit: 'ms', atMost: 250 },
  { name: 'first_sound_p50_ms', unit: 'ms', atMost: 250 },
  { name: 'first_sound_p95_ms', unit: 'ms', atMost: 500 },
  { name: 'av_skew_p95_abs_ms', unit: 'ms', atMost: 60 },
  { name: 'interrupt_p95_ms', unit: 'ms', atMost: 100 },
  { name: 'sounds_after_interrupt', unit: 'sounds', atMost: 0 },
  { name: 'speeches_with_motion', unit: 'share', atLeast: 1 },
]
/** Of a system that this bench started, with a language model under its hand. */
const OWN_THRESHOLDS: readonly Threshold[] = [
  { name: 'token_to_first_sound_p95_ms', unit: 'ms', atMost: 500 },
  { name: 'sounds_after_interrupts', unit: 'sounds', atMost: 0 },
  { name: 'requests_left_running', unit: 'requests', atMost: 0 },
  { name: 'origin_killed_to_frame_ms', unit: 'ms', atMost: 10_000 },
  { name: 'stop_ms', unit: 'ms', atMost: 5_000 },
]

const given = process.argv.slice(2)
const seconds = Number(given.find((argument) => /^\d+$/.test(argument)) ?? 60)
const addresses = given.filter((argument) => /^(http|ws)/.test(argument))
const mind = await startVendorServer()
const MIND_ENV = { OPENAI_API_KEY: 'sk-bench', OPENAI_BASE_URL: `${mind.url}/v1`, TTS_PROVIDER: 'flite' }
const LIMITS_ENV = { RATE_LIMIT_SPEAK: '1000', RATE_LIMIT_CHAT: '1000', RATE_LIMIT_SESSIONS: '1000' }
const system = addresses.length === 2 ? undefined : await startSystem({ ...LIMITS_ENV, ...MIND_ENV })
const apiUrl = system?.apiUrl ?? addresses[0] ?? ''
const wsUrl = system?.wsUrl ?? addresses[1] ?? ''

const api = new ApiClient({ apiUrl, wsUrl })
const p50 = (values: readonly number[]): number => tenths(quantile(values, 0.5))
const p95 = (values: readonly number[]): number => tenths(quantile(values, 0.95))

const figures: Figures = {}
const startMs = performance.now()
const { session_id } = await api.expectOk<{ session_id: string }>('/v1/streaming.new', { quality: 'medium' })
figures.new_ms = Math.round(performance.now() - startMs)
const client = await api.open(session_id)
const first = await client.next('frame')
figures.first_frame_ms = Math.round(first.atMs - client.openedMs)

const firstSounds: number[] = []
const lengths: number[] = []
/** Frames of each speech and of the rest after it; looked at once all is measured, as that takes this process's time. */
const spokenFrames: ReceivedEvent[][] = []
const restingFrames: ReceivedEvent[][] = []
/** When each speech was asked for, and the last frame before. */
const asked: { atMs: number; before: ReceivedEvent | undefined }[] = []
const skews: number[] = []
const steadyFromMs = performance.now()
for (let i = 0; i < SPEAKS; i++) {
  const from = client.events.length
  const askedMs = performance.now()
  asked.push({ atMs: askedMs, before: client.of('frame').at(-1) })
  const { task_id, duration_estimate } = await api.speak(session_id, TEXT)
  const sound = await client.next('audio', { from, where: (event) => event.task_id === task_id })
  firstSounds.push(sound.atMs - askedMs)
  const finished = await client.next('speech_finished', { from, where: (event) => event.task_id === task_id })
  lengths.push(Number(finished.played_ms) / 1000 / duration_estimate)
  const spoken = client.events.slice(from).filter((event) => event.type === 'frame' && event.task_id === task_id)
  spokenFrames.push(spoken)
  for (const event of client.events.slice(from).filter((other) => other.type === 'audio')) {
    const partner = spoken.find((frame) => Number(frame.timestamp) + 0.04 > Number(event.timestamp))
    if (partner) skews.push(partner.atMs - Number(partner.timestamp) * 1000 - (event.atMs - Number(event.timestamp) * 1000))
  }
  const restFrom = client.events.length
  await delay(900)
  const rested = client.events
    .slice(restFrom)
    .filter((event) => event.type === 'frame')
    .slice(6)
  restingFrames.push(rested)
}
const spentMs = performance.now() - steadyFromMs
await delay(Math.max(0, seconds * 1000 - spentMs))
const steady = client.of('frame').filter((event) => event.atMs >= steadyFromMs)
figures.fps = hundredths(steady.length / ((performance.now() - steadyFromMs) / 1000))
const gaps = steady.slice(1).map((event, i) => event.atMs - (steady[i]?.atMs ?? event.atMs))
figures.frame_gap_p95_ms = p95(gaps)
figures.frame_gap_max_ms = Math.round(Math.max(...gaps))
figures.first_sound_p50_ms = p50(firstSounds)
figures.first_sound_p95_ms = p95(firstSounds)
figures.length_ratio_min = hundredths(Math.min(...lengths))
figures.length_ratio_max = hundredths(Math.max(...lengths))
figures.av_skew_p50_ms = p50(skews)
figures.av_skew_p95_abs_ms = p95(skews.map(Math.abs))

const stops: number[] = []
let spokenAfter = 0
for (let i = 0; i < INTERRUPTS; i++) {
  const from = client.events.length
  const { task_id } = await api.speak(session_id, TEXT)
  await client.next('audio', { from, where: (event) => event.task_id === task_id })
  await delay(150 + i * 60)
  const askedMs = performance.now()
  client.send({ type: 'interrupt' })
  const stopped = await client.next('interrupted', { from })
  stops.push(stopped.atMs - askedMs)
  const after = client.events.length
  await delay(400)
  spokenAfter += client.events.slice(after).filter((event) => event.type === 'audio').length
}
figures.interrupt_p50_ms = p50(stops)
figures.interrupt_p95_ms = p95(stops)
figures.sounds_after_interrupt = spokenAfter

figures.mouth_motion_speaking = p50(spokenFrames.flatMap(motion))
figures.mouth_motion_resting = p50(restingFrames.flatMap(motion))
figures.mouth_motion_resting_p95 = p95(restingFrames.flatMap(motion))
// the mouth has moved once it differs from its last rest by more than rest itself varies
const stillness = p95(restingFrames.flatMap(motion))
const firstMoves = spokenFrames.flatMap((frames, i) => {
  const { atMs = 0, before } = asked[i] ?? {}
  if (!before) return []
  const rest = mouthRegion(String(before.data))
  const moved = frames.find((frame) => difference(mouthRegion(String(frame.data)), rest) > 2 * stillness + 1)
  return moved ? [moved.atMs - atMs] : []
})
figures.speeches_with_motion = firstMoves.length / SPEAKS
figures.first_moving_frame_p50_ms = p50(firstMoves)
figures.first_moving_frame_p95_ms = p95(firstMoves)

function motion(frames: readonly ReceivedEvent[]): number[] {
  const regions = frames.map((frame) => mouthRegion(String(frame.data)))
  return regions.slice(1).map((region, i) => difference(region, regions[i] ?? region))
}

if (system) {
  const { sounds_after_interrupts = [], requests_left_running = [], ...times } = await measureTurns({ ...system, mind })
  for (const [name, values] of Object.entries(times)) {
    figures[`${name}_p50_ms`] = p50(values)
    figures[`${name}_p95_ms`] = p95(values)
  }
  figures.sounds_after_interrupts = sum(sounds_after_interrupts)
  figures.requests_left_running = sum(requests_left_running)
}
if (system) {
  // the worst that befalls an operator: seen by the same client
  const from = client.events.length
  const killedMs = performance.now()
  killDescendant(system.pid, 'origin/index.ts')
  await client.next('session_state', { from, where: ({ state }) => state === 'live' })
  const back = await client.next('frame', { from: client.events.length })
  figures.origin_killed_to_frame_ms = Math.round(back.atMs - killedMs)
}
client.close()
await api.stop(session_id)
const stoppedMs = performance.now()
await system?.stop()
if (system) figures.stop_ms = Math.round(performance.now() - stoppedMs)
await mind.close()
tell('session', { seconds }, figures, system ? [...THRESHOLDS, ...OWN_THRESHOLDS] : THRESHOLDS)
