/**
 * The ears: the voice detector in noise, rooms with loudspeakers, and the way from the end of a turn to the recogniser.
 * `node bench/ears.ts [weights file]`
 */
import { loadavg } from 'node:os'
import process from 'node:process'
import { readVadWeights } from '../origin/listening/vad.ts'
import { ENGLISH, embeddedSpeech, systemSpeech } from '../test/support/signals/test-speech.ts'
import { benchDetector } from './ears-detector.ts'
import { benchEcho } from './ears-echo.ts'
import { benchRequests } from './ears-requests.ts'
import { benchShortAnswers } from './ears-short.ts'
import { type Threshold, tell, tenths, watchIdle } from './figures.ts'

const THRESHOLDS: readonly Threshold[] = [
  { name: 'request_file_p95_ms', unit: 'ms', atMost: 50 },
  { name: 'request_live_p95_ms', unit: 'ms', atMost: 50 },
]

const file = process.argv[2] ?? 'models/vad/vad.safetensors'
const weights = readVadWeights(file)
const rms = await embeddedSpeech(['flite_rms'], ENGLISH)
const speech = [...(await embeddedSpeech(['flite_awb'], ENGLISH)), ...rms, ...systemSpeech()]
const voices = new Set(speech.map(({ voice }) => voice))

// times first: what others do on this machine meanwhile is part of them
const idleShare = watchIdle()
const requests = await benchRequests(weights, rms)
const loads = { load_average: tenths(loadavg()[0] ?? 0), idle_percent: tenths(100 * idleShare()) }

console.log(`${speech.length} utterances of ${voices.size} voices: ${[...voices].join(', ')}\n`)
const figures = {
  ...requests,
  ...loads,
  ...(await benchEcho(weights, rms)),
  ...(await benchShortAnswers(weights)),
  ...benchDetector(weights, speech),
}
console.log('')
const rounded = Object.fromEntries(Object.entries(figures).map(([name, value]) => [name, Math.round(value * 1000) / 1000]))
tell('ears', { file }, rounded, THRESHOLDS)
