/** Frames of one colour, 25 a second, and a tone, as a server sends them over the socket. */
import jpeg from '@julusian/jpeg-turbo'
import { encodeBinaryMedia } from '../../../shared/binary-media.ts'
import { CHUNK_MS, FPS, SAMPLE_RATE } from '../../../shared/media.ts'
import type { FakeAvatarApi } from './fake-avatar-api.ts'

/** Width and height of the frames. */
export const FEED_SIZE = 64
export const RED = frame(220, 30, 30)
export const GREEN = frame(30, 200, 30)
export const TONE = new Uint8Array(Int16Array.from({ length: (CHUNK_MS / 1000) * SAMPLE_RATE }, (_, i) => 6_000 * Math.sin(i / 8)).buffer)

export interface FeedOptions {
  colour: Uint8Array
  /** @default 0 */
  generation?: number
  /** 100 ms of the tone with every fifth of two frames. @default false */
  sound?: boolean
  /** A frame of an older generation, sent in between. */
  stale?: Uint8Array
}

/** @returns ends it */
export function feedMedia(api: FakeAvatarApi, { colour, generation = 0, sound = false, stale }: FeedOptions): () => void {
  const startedMs = Date.now()
  let frameId = 0
  let ptsMs = 0
  const clock = setInterval(() => {
    const elapsedMs = Date.now() - startedMs
    for (; ptsMs <= elapsedMs && sound; ptsMs += CHUNK_MS) {
      const about = { frameId: 0, ptsMs, sampleRate: SAMPLE_RATE, samples: TONE.length / 2 }
      const timestamp = (startedMs + ptsMs) / 1000
      api.sendBinary(encodeBinaryMedia({ kind: 'chunk', seq: 0, generation, timestamp, ...about, payload: TONE }))
    }
    for (; (frameId * 1000) / FPS <= elapsedMs; frameId++) {
      const timestamp = (startedMs + (frameId * 1000) / FPS) / 1000
      const about = { kind: 'frame', seq: 0, frameId, timestamp, ptsMs: 0, sampleRate: 0, samples: 0 } as const
      api.sendBinary(encodeBinaryMedia({ ...about, generation, payload: colour }))
      if (stale) api.sendBinary(encodeBinaryMedia({ ...about, generation: generation - 1, payload: stale }))
    }
  }, 10)
  return () => clearInterval(clock)
}

function frame(red: number, green: number, blue: number): Uint8Array {
  const rgb = Buffer.alloc(FEED_SIZE * FEED_SIZE * 3)
  for (let at = 0; at < rgb.length; at += 3) rgb.set([red, green, blue], at)
  const format = { format: jpeg.FORMAT_RGB, width: FEED_SIZE, height: FEED_SIZE, quality: 80, subsampling: jpeg.SAMP_420 } as const
  return jpeg.compressSync(rgb, format)
}
