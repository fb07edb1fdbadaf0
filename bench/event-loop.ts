/** How long the event loop, which carries every session's sound and sockets, is held by work that belongs elsewhere. */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { decodeAudio } from '../origin/codec/audio.ts'
import { EncoderPool } from '../origin/codec/encoder-pool.ts'
import { encodeWav } from '../origin/codec/wav.ts'
import { QUALITIES } from '../shared/media.ts'
import { type Figures, tenths } from './figures.ts'

/** ms between samples of the event loop; Node counts them into the delay. */
const RESOLUTION_MS = 1
const FRAMES = 25
const RATE = 48_000
const SECONDS = 20

async function held(work: () => Promise<unknown>): Promise<{ p90: number; longest: number }> {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  delay.enable()
  await work()
  delay.disable()
  return { p90: tenths(delay.percentile(90) / 1e6 - RESOLUTION_MS), longest: tenths(delay.max / 1e6 - RESOLUTION_MS) }
}

export async function benchEventLoop(): Promise<Figures> {
  const { size, bitrateBps } = QUALITIES.medium
  const pool = new EncoderPool({ threads: 1, onCrash: (why) => console.error(why) })
  const streams = (['vp8', 'h264'] as const).map((codec) => pool.open({ codec, size, bitrateBps }))
  const encoding = await held(() =>
    Promise.all(
      streams.map(async (stream) => {
        for (let i = 0; i < FRAMES; i++) await stream.encode(new Uint8Array(3 * size * size).fill(i * 10), i)
      }),
    ),
  )
  for (const stream of streams) stream.close()
  await pool.close()
  const tone = Int16Array.from({ length: SECONDS * RATE }, (_, i) => 8_000 * Math.sin(i / 20))
  const wav = encodeWav(tone, RATE)
  const converting = await held(() => decodeAudio(wav, { format: 'auto', sample_rate: RATE, channels: 1 }))
  return {
    event_loop_encoding_longest_ms: encoding.longest,
    event_loop_converting_p90_ms: converting.p90,
  }
}
