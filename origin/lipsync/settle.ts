/**
 * From what the network hears to a mouth that can be shown: at rest in silence, lips that meet where it is nearly
 * sure that they do, no trembling. Works row by row with a little look-ahead; rows in order.
 */
import { VISEMES } from '../../shared/face.ts'
import { VISEME_INDEX } from './cmu-visemes.ts'
import { pull } from './phones.ts'

const WIDTH = VISEMES.length

/** dBFS; sound below is silence whatever the room. */
const GATE_MIN_DB = -55
/**
 * dBFS; noise may raise the gate so far. Low while little was heard, so that a stream that begins with speech is not
 * taken for noise; speech is never steady for two seconds.
 */
const GATE_MAX_DB = { atFirst: -40, later: -25 }
/** dB by which speech stands above the room's noise. */
const GATE_OVER_NOISE_DB = 6
/** Rows over which the room's noise is the quietest: 2 s. */
const NOISE_ROWS = 100
/** Rows of quiet that end speech: a stop's closure lasts up to 120 ms. */
const QUIET_ROWS = 7
/** The mouth opens within so many rows before the sound and rests so many after it: 60 and 100 ms. */
const OPENING_ROWS = 3
const CLOSING_ROWS = 5
/** Rows of sound that a row has to know ahead of itself. */
const GATE_AHEAD_ROWS = OPENING_ROWS

/**
 * A closure counts from this probability on: best balance of missed and false closures on voices that the network has
 * not heard (models/lipsync/README.md). Contact of lip and teeth is seen less clearly and less often.
 */
const SNAP: readonly { viseme: 'PP' | 'FF'; from: number; to: number }[] = [
  { viseme: 'PP', from: 0.35, to: 0.95 },
  { viseme: 'FF', from: 0.4, to: 0.85 },
]
/** A closure is a local peak; two rows to either side are known when it is found. */
const PEAK_REACH_ROWS = 2
/** Share of a row's neighbours in it; takes the flicker of the network's decisions. */
const SMOOTHING = 0.25

/** Rows that a row waits for. */
const SETTLE_ROWS = Math.max(GATE_AHEAD_ROWS, PEAK_REACH_ROWS + 1)

export class MouthSettler {
  /** Raw rows and levels since `#base`; `#base` is the index of the first. */
  #raw: Float32Array[] = []
  #levelsDb: number[] = []
  #base = 0
  /** Index of the next row to give. */
  #next = 0
  #quietRows = QUIET_ROWS
  #openness = 0

  /**
   * @param rows network probabilities [n, VISEMES]
   * @param levelsDb dBFS of the sound of each row
   * @returns the rows that are certain now
   */
  push(rows: Float32Array, levelsDb: readonly number[]): Float32Array {
    for (let row = 0; row < levelsDb.length; row++) {
      this.#raw.push(rows.slice(row * WIDTH, (row + 1) * WIDTH))
      this.#levelsDb.push(levelsDb[row] ?? -Infinity)
    }
    return this.#take(this.#base + this.#raw.length - SETTLE_ROWS)
  }

  /** The rest; nothing follows. */
  flush(): Float32Array {
    return this.#take(this.#base + this.#raw.length)
  }

  #take(until: number): Float32Array {
    const count = Math.max(0, until - this.#next)
    const out = new Float32Array(count * WIDTH)
    for (let i = 0; i < count; i++, this.#next++) out.set(this.#settle(this.#next), i * WIDTH)
    const keepFrom = this.#next - Math.max(NOISE_ROWS, PEAK_REACH_ROWS + 1)
    if (keepFrom > this.#base) {
      this.#raw.splice(0, keepFrom - this.#base)
      this.#levelsDb.splice(0, keepFrom - this.#base)
      this.#base = keepFrom
    }
    return out
  }

  #settle(index: number): Float32Array {
    const row = this.#smoothed(index)
    for (const { viseme, from, to } of SNAP) {
      const strength = this.#closure(index, VISEME_INDEX[viseme], from)
      const has = row[VISEME_INDEX[viseme]] ?? 0
      if (strength * to > has) pull(row, viseme, (strength * to - has) / (1 - has))
    }
    pull(row, 'sil', 1 - this.#opened(index))
    return row
  }

  #smoothed(index: number): Float32Array {
    const here = this.#row(index) ?? new Float32Array(WIDTH)
    const before = this.#row(index - 1) ?? here
    const after = this.#row(index + 1) ?? here
    return here.map((weight, i) => (1 - 2 * SMOOTHING) * weight + SMOOTHING * ((before[i] ?? 0) + (after[i] ?? 0)))
  }

  /** 1 on a closure's peak and its stronger neighbour, so that a frame every 40 ms cannot miss it; 0.5 beside them. */
  #closure(index: number, viseme: number, from: number): number {
    let strength = 0
    for (let peak = index - PEAK_REACH_ROWS; peak <= index + PEAK_REACH_ROWS; peak++) {
      const height = this.#weight(peak, viseme)
      const before = this.#weight(peak - 1, viseme)
      const after = this.#weight(peak + 1, viseme)
      if (height < from || height < before || height <= after) continue
      const first = before > after ? peak - 1 : peak
      const distance = index < first ? first - index : Math.max(0, index - first - 1)
      strength = Math.max(strength, distance === 0 ? 1 : distance === 1 ? 0.5 : 0)
    }
    return strength
  }

  /** 0 in silence, 1 in speech, ramps between. */
  #opened(index: number): number {
    const loud = this.#isLoud(index)
    this.#quietRows = loud ? 0 : this.#quietRows + 1
    let soon = loud
    for (let ahead = 1; ahead <= GATE_AHEAD_ROWS && !soon; ahead++) soon = this.#isLoud(index + ahead)
    const open = soon || this.#quietRows < QUIET_ROWS
    this.#openness = open ? Math.min(1, this.#openness + 1 / OPENING_ROWS) : Math.max(0, this.#openness - 1 / CLOSING_ROWS)
    return this.#openness
  }

  #isLoud(index: number): boolean {
    const level = this.#levelsDb[index - this.#base]
    if (level === undefined) return false
    let noise = level
    const from = Math.max(0, index - this.#base - NOISE_ROWS)
    const highest = index >= NOISE_ROWS ? GATE_MAX_DB.later : GATE_MAX_DB.atFirst
    for (let i = from; i < index - this.#base; i++) noise = Math.min(noise, this.#levelsDb[i] ?? noise)
    return level > Math.min(highest, Math.max(GATE_MIN_DB, noise + GATE_OVER_NOISE_DB))
  }

  #row(index: number): Float32Array | undefined {
    return this.#raw[index - this.#base]
  }

  #weight(index: number, viseme: number): number {
    return this.#row(index)?.[viseme] ?? 0
  }
}
