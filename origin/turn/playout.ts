/** Takes a turn's segments tick by tick: 40 ms of sound and the mouth that goes with it. Can rewind by RECENT_MS. */
import { VISEMES } from '../../shared/face.ts'
import { CHUNK_MS, MOUTH_FPS, SAMPLE_RATE, TICK_SAMPLES } from '../../shared/media.ts'
import { toMs } from '../dsp/pcm.ts'
import type { Channel } from '../pipeline/channel.ts'
import type { Segment } from './stages/types.ts'

const CHUNK_SAMPLES = (CHUNK_MS / 1000) * SAMPLE_RATE
const SAMPLES_PER_MOUTH_FRAME = SAMPLE_RATE / MOUTH_FPS
const CLOSURE = VISEMES.indexOf('PP')
/** A closed mouth within the tick is shown instead of the mean: averaged, the mouth would not close at all. */
const CLOSURE_THRESHOLD = 0.6
/** ms of taken sound that `rewind` can return to: the longest word, and the tick that has not left. */
const RECENT_MS = 2_000
/** 5 ms. */
const FADE_IN_SAMPLES = 0.005 * SAMPLE_RATE

/** Sound that begins within a tick. */
interface SoundStart {
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
  /** VISEMES weights of the tick's frame; undefined where no sound plays. */
  mouth: Float32Array | undefined
  /** Each segment of the tick: ms of the task at its first sample, and how much of it has left once the tick has. */
  progress: { segment: Segment; startMs: number; untilMs: number }[]
  /** Where the tick's sound begins and ends, ms from the first sample of its task. */
  fromMs: number
  untilMs: number
  /** `waiting`: the next sound is not ready. `finished`: nothing more will come. */
  state: 'playing' | 'waiting' | 'finished'
}

export class Playout {
  #segment: Segment | undefined
  #position = 0
  /** ms of the task that were taken so far. */
  #takenMs = 0
  /** Segments that were put back: played before those of the channel. */
  #rewound: Segment[] = []
  /** Segments taken within the last RECENT_MS, the one being played included. */
  #recent: { segment: Segment; fromMs: number }[] = []

  /** Takes the next 40 ms. @throws what the turn's pipeline failed with, once all sound before it was taken */
  next(segments: Channel<Segment>): TickSound {
    const at = this.#takenMs
    const sound: TickSound = {
      segments: [],
      chunks: [],
      pcm: new Int16Array(TICK_SAMPLES),
      mouth: undefined,
      progress: [],
      fromMs: at,
      untilMs: at,
      state: 'playing',
    }
    let filled = 0
    while (filled < TICK_SAMPLES) {
      if (!this.#segment) {
        this.#segment = this.#rewound.shift() ?? segments.shift()
        this.#position = 0
        if (!this.#segment) {
          // sound that ends within this tick still has to leave: the turn ends with the next tick
          if (filled === 0) sound.state = segments.ended ? 'finished' : 'waiting'
          break
        }
        this.#keepRecent(this.#segment)
        sound.segments.push({ segment: this.#segment, pcm: this.#segment.pcm, atSample: filled, ptsMs: this.#takenMs })
      }
      filled += this.#takeFrom(this.#segment, filled, sound)
    }
    sound.untilMs = this.#takenMs
    return sound
  }

  /** Sound that follows the last tick, in order, as far as it is ready: at least this many samples where there are so many. */
  ahead(segments: Channel<Segment>, samples: number): Int16Array[] {
    const found = this.#segment ? [this.#segment.pcm.subarray(this.#position)] : []
    let length = found[0]?.length ?? 0
    for (const { pcm } of [...this.#rewound, ...segments.items]) {
      if (length >= samples) break
      found.push(pcm)
      length += pcm.length
    }
    return found
  }

  /**
   * Puts taken sound back, so that the next tick begins there: at most one mouth frame earlier than asked.
   *
   * @param backToMs ms from the first sample of the task; RECENT_MS of sound are kept
   * @returns where the next tick begins
   */
  rewind(backToMs: number): number {
    const first = this.#recent.findIndex(({ segment, fromMs }) => fromMs + lengthMs(segment) > backToMs)
    const from = this.#recent[first]
    if (!from) return this.#takenMs
    const asked = Math.floor(((backToMs - from.fromMs) * SAMPLE_RATE) / 1000 / SAMPLES_PER_MOUTH_FRAME) * SAMPLES_PER_MOUTH_FRAME
    const cut = Math.max(0, asked)
    const later = this.#recent.slice(first + 1).map(({ segment }) => segment)
    this.#rewound = [fadedIn(part(from.segment, cut, from.segment.pcm.length)), ...later, ...this.#rewound]
    this.#recent = this.#recent.slice(0, first)
    if (cut > 0) this.#recent.push({ segment: part(from.segment, 0, cut), fromMs: from.fromMs })
    this.#segment = undefined
    this.#position = 0
    this.#takenMs = from.fromMs + toMs(cut)
    return this.#takenMs
  }

  /** Discards the turn being played. */
  stop(): void {
    this.#segment = undefined
    this.#position = 0
    this.#takenMs = 0
    this.#rewound = []
    this.#recent = []
  }

  #keepRecent(segment: Segment): void {
    this.#recent.push({ segment, fromMs: this.#takenMs })
    const oldest = this.#takenMs - RECENT_MS
    this.#recent = this.#recent.filter((one) => one.fromMs + lengthMs(one.segment) > oldest)
  }

  #takeFrom(segment: Segment, filled: number, sound: TickSound): number {
    const taken = Math.min(TICK_SAMPLES - filled, segment.pcm.length - this.#position)
    for (let start = Math.ceil(this.#position / CHUNK_SAMPLES) * CHUNK_SAMPLES; start < this.#position + taken; start += CHUNK_SAMPLES) {
      sound.chunks.push({
        pcm: segment.pcm.subarray(start, start + CHUNK_SAMPLES),
        atSample: filled + start - this.#position,
        ptsMs: this.#takenMs + toMs(start - this.#position),
      })
    }
    sound.pcm.set(segment.pcm.subarray(this.#position, this.#position + taken), filled)
    sound.mouth ??= mouthAt(segment, this.#position)
    this.#position += taken
    this.#takenMs += toMs(taken)
    sound.progress.push({ segment, startMs: this.#takenMs - toMs(this.#position), untilMs: toMs(this.#position) })
    if (this.#position >= segment.pcm.length) {
      this.#segment = undefined
      this.#position = 0
    }
    return taken
  }
}

function lengthMs({ pcm }: Segment): number {
  return toMs(pcm.length)
}

/** Fades in: sound that starts at full amplitude would click. */
function fadedIn(segment: Segment): Segment {
  const pcm = segment.pcm.slice()
  for (let i = 0; i < Math.min(FADE_IN_SAMPLES, pcm.length); i++) pcm[i] = Math.round(((pcm[i] ?? 0) * i) / FADE_IN_SAMPLES)
  return { ...segment, pcm }
}

/** A segment's samples from one mouth frame's start to another's. */
function part({ clause, offsetMs, pcm, mouth }: Segment, from: number, to: number): Segment {
  const row = (sample: number): number => Math.ceil(sample / SAMPLES_PER_MOUTH_FRAME) * VISEMES.length
  return { clause, offsetMs: offsetMs + toMs(from), pcm: pcm.subarray(from, to), mouth: mouth.subarray(row(from), row(to)) }
}

/** The mouth of a frame shown for 40 ms: the mean of its two frames, or the one that closes. */
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
