/** Takes a turn's segments tick by tick: which sound begins, and where the mouth is. */
import { VISEMES } from '../shared/face.ts'
import { CHUNK_MS, MOUTH_FPS, SAMPLE_RATE, TICK_SAMPLES } from '../shared/media.ts'
import type { Segment } from './stages/types.ts'
import type { Turn } from './turn.ts'

const CHUNK_SAMPLES = (CHUNK_MS / 1000) * SAMPLE_RATE
const SAMPLES_PER_MOUTH_FRAME = SAMPLE_RATE / MOUTH_FPS
const CLOSURE = VISEMES.indexOf('PP')
/** A closed mouth within the tick wins over its neighbours: averaged away, it would not close at all. */
const CLOSURE_THRESHOLD = 0.6

/** Sound that begins within a tick. */
export interface SoundStart {
  pcm: Int16Array
  /** Samples from the start of the tick. */
  atSample: number
  /** ms from the first sample of its task. */
  ptsMs: number
}

export interface TickSound {
  /** Segments whose first sample falls into the tick. */
  segments: (SoundStart & { segment: Segment })[]
  /** Pieces of CHUNK_MS, cut from each segment's start. */
  chunks: SoundStart[]
  /** All sound of the tick, TICK_SAMPLES; silent where there is none. */
  pcm: Int16Array
  /** VISEMES weights of the tick's picture; undefined where no sound plays. */
  mouth: Float32Array | undefined
  /** `waiting`: the next sound is not ready. `finished`: nothing more will come. */
  state: 'playing' | 'waiting' | 'finished'
}

export class Playout {
  #segment: Segment | undefined
  #position = 0

  /** True between the first and the last sample of a segment. */
  get playing(): boolean {
    return this.#segment !== undefined
  }

  /** The next 40 ms. @throws what the turn's pipeline failed with, once all sound before it was taken */
  next(turn: Turn): TickSound {
    const sound: TickSound = { segments: [], chunks: [], pcm: new Int16Array(TICK_SAMPLES), mouth: undefined, state: 'playing' }
    let filled = 0
    while (filled < TICK_SAMPLES) {
      if (!this.#segment) {
        this.#segment = turn.segments.shift()
        this.#position = 0
        if (!this.#segment) {
          // sound that ends within this tick still has to be heard: the turn is over with the next one
          if (filled === 0) sound.state = turn.segments.ended ? 'finished' : 'waiting'
          break
        }
        sound.segments.push({ segment: this.#segment, pcm: this.#segment.pcm, atSample: filled, ptsMs: turn.playedMs })
      }
      filled += this.#take(this.#segment, filled, turn, sound)
    }
    return sound
  }

  /** Sound that follows the last tick, in order, as far as it is ready: at least this many samples where there are so many. */
  ahead(turn: Turn, samples: number): Int16Array[] {
    const found = this.#segment ? [this.#segment.pcm.subarray(this.#position)] : []
    let length = found[0]?.length ?? 0
    for (const { pcm } of turn.segments.items) {
      if (length >= samples) break
      found.push(pcm)
      length += pcm.length
    }
    return found
  }

  /** Forgets the segment being played. */
  stop(): void {
    this.#segment = undefined
    this.#position = 0
  }

  #take(segment: Segment, filled: number, turn: Turn, sound: TickSound): number {
    const taken = Math.min(TICK_SAMPLES - filled, segment.pcm.length - this.#position)
    for (let start = Math.ceil(this.#position / CHUNK_SAMPLES) * CHUNK_SAMPLES; start < this.#position + taken; start += CHUNK_SAMPLES) {
      sound.chunks.push({
        pcm: segment.pcm.subarray(start, start + CHUNK_SAMPLES),
        atSample: filled + start - this.#position,
        ptsMs: turn.playedMs + ((start - this.#position) / SAMPLE_RATE) * 1000,
      })
    }
    sound.pcm.set(segment.pcm.subarray(this.#position, this.#position + taken), filled)
    sound.mouth ??= mouthAt(segment, this.#position)
    this.#position += taken
    turn.markPlayed(segment, (this.#position / SAMPLE_RATE) * 1000, (taken / SAMPLE_RATE) * 1000)
    if (this.#position >= segment.pcm.length) this.stop()
    return taken
  }
}

/** The mouth of a picture shown for 40 ms: the mean of its two frames, or the one that closes. */
function mouthAt(segment: Segment, sample: number): Float32Array | undefined {
  const rows = segment.mouth.length / VISEMES.length
  if (rows === 0) return undefined
  const first = Math.min(Math.floor(sample / SAMPLES_PER_MOUTH_FRAME), rows - 1)
  const row = (index: number): Float32Array => segment.mouth.subarray(index * VISEMES.length, (index + 1) * VISEMES.length)
  const a = row(first)
  const b = row(Math.min(first + 1, rows - 1))
  if ((a[CLOSURE] ?? 0) > CLOSURE_THRESHOLD) return a
  if ((b[CLOSURE] ?? 0) > CLOSURE_THRESHOLD) return b
  return a.map((weight, i) => (weight + (b[i] ?? 0)) / 2)
}
