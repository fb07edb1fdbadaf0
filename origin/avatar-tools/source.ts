/** Reads a person's video or photo into square frames, upright, 25 a second. */
import { FPS } from '../../shared/media.ts'
import { readVideo, type VideoFrame } from '../codec/video.ts'
import { FrameStore } from './frame-store.ts'
import { type Crop, cutOut, type Shown, shownSize } from './upright.ts'

/** What is wrong with what was given; one line that says what to do. */
export class SourceError extends Error {
  override readonly name = 'SourceError'
}

export interface Box {
  x: number
  y: number
  width: number
  height: number
}

export interface SourceOptions {
  file: string
  /** The face in pixels of the frame as a player shows it: upright, its pixels square. */
  box: Box
  /** The square to keep, in the same pixels. @default the largest around the face */
  crop?: { x: number; y: number; side: number }
  /** Side of the clip at most, pixels. @default 720 */
  maxSize?: number
  /** Seconds of a video to leave out at its beginning, and to use at most. */
  startS?: number
  maxS?: number
  /** File to keep the frames in while the pack is made. */
  scratch: string
  onProgress?: (what: string, done: number) => void
}

export interface Source {
  frames: FrameStore
  /** A photo: one frame, whose motion is made. */
  isPhoto: boolean
  /** The face in pixels of the square frames. */
  box: Box
}

const MAX_SIZE = 720
const MIN_SIZE = 256
const MIN_FACE = 64
const MIN_S = 2
/** Where the middle of the face should be in the square, from above. */
const FACE_HEIGHT = 0.42
const FRAMES_AT_MOST = 1 << 20

/** @throws SourceError */
export function readSource(options: SourceOptions): Source {
  const { file, box, maxSize = MAX_SIZE, startS = 0, maxS = 10, scratch, onProgress = () => {} } = options
  let plan: { crop: Crop; shown: Shown; frames: FrameStore; first: number } | undefined
  /** The last frame read and when it is shown, from `startS` on. */
  let last: { rgb: Buffer; atS: number } | undefined
  let read = 0
  const wanted = Math.round(maxS * FPS)
  try {
    for (const frame of framesOf(file)) {
      if (++read > FRAMES_AT_MOST) break
      const atS = frame.timeS - (plan?.first ?? frame.timeS)
      if (plan === undefined) {
        const shown = shownSize(frame)
        const crop = planCrop(shown, box, options.crop, maxSize)
        plan = { crop, shown, frames: new FrameStore(scratch, crop.size), first: frame.timeS }
      }
      if (atS < startS) continue
      const rgb = cutOut(frame, plan.shown, plan.crop)
      // every moment shows the frame nearest to it
      if (last !== undefined) fill(plan.frames, last.rgb, Math.min(wanted, ((last.atS + atS) / 2 - startS) * FPS))
      last = { rgb, atS }
      onProgress('reading the frames', Math.min(1, plan.frames.count / wanted))
      if (plan.frames.count >= wanted) break
    }
    if (plan === undefined || last === undefined) {
      throw new SourceError(read === 0 ? `${file} has no frame in it` : `${file} ends before ${startS} s; give a smaller --start`)
    }
    const { frames, crop } = plan
    if (frames.count < wanted) frames.add(last.rgb)
    const isPhoto = read === 1
    if (!isPhoto && frames.count < MIN_S * FPS) {
      throw new SourceError(
        `${file} has ${(frames.count / FPS).toFixed(1)} s from ${startS} s on; at least ${MIN_S} s are needed, 6 to 12 are best`,
      )
    }
    return { frames, isPhoto, box: scaledBox(box, crop) }
  } catch (error) {
    plan?.frames.close()
    throw error
  }
}

function* framesOf(file: string): Generator<VideoFrame, void, undefined> {
  try {
    yield* readVideo(file)
  } catch (cause) {
    throw cause instanceof SourceError
      ? cause
      : new SourceError(`${file} cannot be read as a video or a photo: ${messageOf(cause)}`, { cause })
  }
}

function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? ''
}

function fill(frames: FrameStore, rgb: Buffer, until: number): void {
  while (frames.count < until) frames.add(rgb)
}

function planCrop({ width: w, height: h }: Shown, box: Box, asked: SourceOptions['crop'], maxSize: number): Crop {
  const told = `the frame is ${w} x ${h}`
  if (box.x < 0 || box.y < 0 || box.x + box.width > w || box.y + box.height > h) {
    throw new SourceError(`--box ${box.x},${box.y},${box.width},${box.height} lies outside: ${told}`)
  }
  if (Math.min(box.width, box.height) < MIN_FACE) {
    throw new SourceError(`--box is ${box.width} x ${box.height}; a face needs at least ${MIN_FACE} pixels each way`)
  }
  const side = asked?.side ?? Math.min(w, h)
  if (side < MIN_SIZE) throw new SourceError(`the square has ${side} pixels; at least ${MIN_SIZE} are needed (${told})`)
  const x = asked?.x ?? clamp(Math.round(box.x + box.width / 2 - side / 2), 0, w - side)
  const y = asked?.y ?? clamp(Math.round(box.y + box.height / 2 - FACE_HEIGHT * side), 0, h - side)
  if (x < 0 || y < 0 || x + side > w || y + side > h) throw new SourceError(`--crop ${x},${y},${side} lies outside: ${told}`)
  if (box.x < x || box.y < y || box.x + box.width > x + side || box.y + box.height > y + side) {
    throw new SourceError(`the face does not fit into the square ${x},${y},${side}; give a --crop x,y,side around it (${told})`)
  }
  // the encoder takes even sides
  return { x, y, side, size: Math.min(maxSize, side) & ~1 }
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value))
}

function scaledBox(box: Box, { x, y, side, size }: Crop): Box {
  const scale = size / side
  return { x: (box.x - x) * scale, y: (box.y - y) * scale, width: box.width * scale, height: box.height * scale }
}
