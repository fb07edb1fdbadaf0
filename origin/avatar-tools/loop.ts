/** Makes a clip that comes round without a jump: where it nearly repeats itself by a cross-fade, else forth and back. */
import { FPS } from '../../shared/media.ts'
import type { FrameStore } from './frame-store.ts'

export type LoopKind = 'cross-fade' | 'ping-pong'
/** One frame of the loop: a source frame, or two mixed. `share` is that of `other`. */
export interface LoopFrame {
  index: number
  other: number
  share: number
}
export interface Loop {
  kind: LoopKind
  frames: LoopFrame[]
}

/** Frames over which the end fades into what came before the beginning: half a second. */
const FADE = 12
/** Shortest loop worth a cross-fade: shorter ones are seen to repeat. */
const MIN_LOOP = 4 * FPS
/** Source frames that go forth and back: 12 s in all. */
const MAX_PING_PONG = 6 * FPS
/** Levels of 255 between two frames of the source above which their mixture shows two heads. */
const MAX_FADE_LEVELS = 2.5
/** Side of the small grey frames that are compared. */
const THUMB = 48

/** @param wanted `auto` fades where the source nearly repeats itself */
export function planLoop(frames: FrameStore, wanted: LoopKind | 'auto'): Loop {
  if (wanted !== 'ping-pong') {
    const cut = bestCut(frames)
    if (cut !== undefined && (wanted === 'cross-fade' || cut.levels <= MAX_FADE_LEVELS)) return { kind: 'cross-fade', frames: faded(cut) }
  }
  const count = Math.min(frames.count, MAX_PING_PONG)
  const forth = Array.from({ length: count }, (_, i) => i)
  const order = [...forth, ...forth.slice(1, -1).toReversed()]
  return { kind: 'ping-pong', frames: order.map((index) => ({ index, other: index, share: 0 })) }
}

/** The frame as it is shown. @param into, scratch 3 * size * size bytes each @returns `into` */
export function loopFrame(frames: FrameStore, { index, other, share }: LoopFrame, into: Uint8Array, scratch: Uint8Array): Uint8Array {
  frames.read(index, into)
  if (share === 0) return into
  frames.read(other, scratch)
  for (let i = 0; i < into.length; i++) into[i] = Math.round((into[i] as number) * (1 - share) + (scratch[i] as number) * share)
  return into
}

interface Cut {
  /** First frame of the loop, and the one after its last. */
  from: number
  to: number
  levels: number
}

/** The two places of the source that look most alike; undefined where it is too short. */
function bestCut(frames: FrameStore): Cut | undefined {
  const rgb = Buffer.alloc(3 * frames.size ** 2)
  const thumbs = Array.from({ length: frames.count }, (_, i) => thumbnail(frames.read(i, rgb), frames.size))
  let best: Cut | undefined
  for (let from = FADE; from + MIN_LOOP <= frames.count; from++) {
    for (let to = from + MIN_LOOP; to <= frames.count; to++) {
      // what is mixed are the FADE frames before each place: their ends and their middle tell
      const levels = Math.max(...[1, FADE >> 1, FADE].map((back) => difference(thumbs[from - back], thumbs[to - back])))
      if (best === undefined || levels < best.levels) best = { from, to, levels }
    }
  }
  return best
}

function faded({ from, to }: Cut): LoopFrame[] {
  return Array.from({ length: to - from }, (_, i) => {
    const index = from + i
    const j = index - (to - FADE)
    return j < 0 ? { index, other: index, share: 0 } : { index, other: from - FADE + j, share: (j + 1) / (FADE + 1) }
  })
}

function thumbnail(rgb: Uint8Array, size: number): Float32Array {
  const out = new Float32Array(THUMB * THUMB)
  const step = size / THUMB
  for (let i = 0; i < out.length; i++) {
    const [x, y] = [Math.floor((i % THUMB) * step), Math.floor(Math.floor(i / THUMB) * step)]
    let sum = 0
    let count = 0
    for (let sy = y; sy < y + step; sy += 3)
      for (let sx = x; sx < x + step; sx += 3, count++)
        sum += rgb[3 * (Math.min(size - 1, sy) * size + Math.min(size - 1, sx)) + 1] as number
    out[i] = sum / count
  }
  return out
}

function difference(a: Float32Array = new Float32Array(0), b: Float32Array = a): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += Math.abs((a[i] as number) - (b[i] as number))
  return sum / Math.max(1, a.length)
}
