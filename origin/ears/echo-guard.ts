/**
 * Takes the avatar's own voice, as it comes back from the user's loudspeakers, out of what the detector hears. Works on log-mel
 * frames: by which delay and how much quieter the echo comes back is learned from what was played and what the microphone gave;
 * energy that this explains is taken away. The sound itself stays as it is.
 */
import { SAMPLE_RATE } from '../../shared/media.ts'
import { concatPcm, createResampler, type Resampler } from '../codec/resample.ts'
import { HISTORY, HOP, logMel, MEL_BANDS, MEL_FLOOR, MEL_SAMPLE_RATE, melEnergy, melOf } from '../lipsync/log-mel.ts'
import type { PlayedSound } from './types.ts'

/** ms in one frame. */
const FRAME_MS = (HOP / MEL_SAMPLE_RATE) * 1000
/** Longest way from here to the microphone's sound, frames: network both ways, buffers, the room. */
const MAX_LAG = 80
/** Frames of played sound that are kept. */
const KEPT = 2 * MAX_LAG
/** Share of what was learned about the delay that is left after one frame: a memory of about two seconds. */
const MEMORY = 0.995
/** Correlation from which a delay is believed. */
const SURE = 0.35
/** Frames around the delay: microphone packets do not come evenly. */
const SPREAD = 3
/** Of ln(energy) a frame: how quickly a room falls silent (0.4 s for 60 dB). */
const ROOM_DECAY = 0.35
/** Of ln(energy) a frame: how quickly the learned coupling rises and falls. It comes to rest where 30 % of the frames are below. */
const RISE = 0.03
const FALL = 0.07
/** Energy that is taken away, over what is learned: 6 dB. */
const MARGIN = 4
/** ln(energy) above which a played band says something about the coupling. */
const AUDIBLE = Math.log(MEL_FLOOR) + 4
const COUPLING_RANGE = { most: Math.log(10), least: Math.log(1e-7) }
/** Of a band's mean level a frame, for what correlates is change. */
const MEAN_RATE = 0.01
/** Of the background's energy a frame: 3 dB a second upwards, at once downwards. */
const NOISE_RISE = 1.007
/** Of the clocks' distance a frame: packets that come late do not move it, drifting clocks do. */
const CLOCK_RATE = 0.005

export class EchoGuard {
  readonly #played: PlayedSound
  readonly #now: () => number
  readonly #resampler: Resampler = createResampler(SAMPLE_RATE, MEL_SAMPLE_RATE)
  /** HISTORY samples that were framed, then those that make no whole frame yet. */
  #pending: Int16Array = new Int16Array(HISTORY)
  #seenUntilMs: number | undefined
  /** Energies and levels about their mean of played frames, ring of KEPT. */
  readonly #energies = new Float64Array(KEPT * MEL_BANDS)
  readonly #changes = new Float64Array(KEPT * MEL_BANDS)
  readonly #playedMean = new Float64Array(MEL_BANDS).fill(Math.log(MEL_FLOOR))
  readonly #micMean = new Float64Array(MEL_BANDS).fill(Math.log(MEL_FLOOR))
  #playedFrames = 0
  #micFrames = 0
  /** Played frame that sounds with microphone frame 0. */
  #distance: number | undefined
  readonly #product = new Float64Array(MAX_LAG + 1)
  readonly #playedPower = new Float64Array(MAX_LAG + 1)
  #micPower = 0
  readonly #coupling = new Float64Array(MEL_BANDS)
  readonly #tail = new Float64Array(MEL_BANDS)
  readonly #background = new Float64Array(MEL_BANDS).fill(MEL_FLOOR)
  /** Frames since something was played; long ago: nothing to be done. */
  #quietFrames = KEPT

  /** @param now the clock of `played.untilMs`, ms */
  constructor({ played, now }: { played: PlayedSound; now: () => number }) {
    this.#played = played
    this.#now = now
  }

  /** The delay that is believed, ms; undefined while none is. */
  get delayMs(): number | undefined {
    const lag = this.#lag()
    return lag === undefined ? undefined : lag * FRAME_MS
  }

  /** Frames of the microphone, row-major [frames, MEL_BANDS]; without the echo afterwards. */
  clean(frames: Float32Array): void {
    const count = frames.length / MEL_BANDS
    this.#takePlayed()
    this.#alignClocks(count)
    for (let i = 0; i < count; i++) {
      this.#micFrames += 1
      const frame = frames.subarray(i * MEL_BANDS, (i + 1) * MEL_BANDS)
      this.#learnDelay(frame)
      this.#take(frame)
    }
  }

  close(): void {
    this.#resampler.close()
  }

  #takePlayed(): void {
    const { untilMs } = this.#played
    if (untilMs === this.#seenUntilMs) return
    const recent = this.#played.recent()
    const newMs = this.#seenUntilMs === undefined ? 0 : untilMs - this.#seenUntilMs
    const samples = Math.max(0, Math.min(recent.length, Math.round((newMs / 1000) * SAMPLE_RATE)))
    this.#seenUntilMs = untilMs
    const heard = this.#resampler.push(recent.slice(recent.length - samples))
    this.#pending = concatPcm([this.#pending, heard])
    const mel = logMel(this.#pending)
    const frames = mel.length / MEL_BANDS
    this.#pending = this.#pending.slice(frames * HOP)
    for (let i = 0; i < frames; i++) this.#remember(mel.subarray(i * MEL_BANDS, (i + 1) * MEL_BANDS))
  }

  #remember(frame: Float32Array): void {
    const at = (this.#playedFrames % KEPT) * MEL_BANDS
    let audible = false
    for (const [band, value] of frame.entries()) {
      const energy = melEnergy(value)
      const level = Math.log(energy + MEL_FLOOR)
      audible ||= level > AUDIBLE
      this.#energies[at + band] = energy
      this.#changes[at + band] = follow(this.#playedMean, band, level)
    }
    this.#playedFrames += 1
    this.#quietFrames = audible ? 0 : this.#quietFrames + 1
  }

  /** Microphone packets that come in time are the measure: late ones only seem to be further away. */
  #alignClocks(coming: number): void {
    const ahead = ((this.#seenUntilMs ?? 0) - this.#now()) / FRAME_MS
    const distance = this.#playedFrames - ahead - (this.#micFrames + coming)
    const known = this.#distance
    this.#distance = known === undefined || distance < known ? distance : known + (distance - known) * CLOCK_RATE * coming
  }

  /** Ring place of the played frame that a lag says the latest microphone frame holds; undefined where it is not there. */
  #place(lag: number): number | undefined {
    const index = Math.round(this.#micFrames - 1 + (this.#distance ?? 0)) - lag
    return index < 0 || index >= this.#playedFrames || index < this.#playedFrames - KEPT ? undefined : (index % KEPT) * MEL_BANDS
  }

  #learnDelay(frame: Float32Array): void {
    const change = frame.map((value, band) => follow(this.#micMean, band, Math.log(melEnergy(value) + MEL_FLOOR)))
    if (this.#quietFrames >= KEPT) return
    this.#micPower = this.#micPower * MEMORY + dot(change, change)
    for (let lag = 0; lag <= MAX_LAG; lag++) {
      const place = this.#place(lag)
      const played = place === undefined ? undefined : this.#changes.subarray(place, place + MEL_BANDS)
      this.#product[lag] = (this.#product[lag] ?? 0) * MEMORY + (played ? dot(played, change) : 0)
      this.#playedPower[lag] = (this.#playedPower[lag] ?? 0) * MEMORY + (played ? dot(played, played) : 0)
    }
  }

  #lag(): number | undefined {
    let best: number | undefined
    let most = SURE
    for (let lag = 0; lag <= MAX_LAG; lag++) {
      const alike = (this.#product[lag] ?? 0) / Math.sqrt(this.#micPower * (this.#playedPower[lag] ?? 0) + 1e-9)
      if (alike > most) {
        most = alike
        best = lag
      }
    }
    return best
  }

  /** Takes the echo out of one frame, and learns from it. */
  #take(frame: Float32Array): void {
    const echoes = this.#quietFrames < KEPT
    const lag = echoes ? this.#lag() : undefined
    const [from, to] = lag === undefined ? [0, MAX_LAG] : [Math.max(0, lag - SPREAD), Math.min(MAX_LAG, lag + SPREAD)]
    const places = echoes ? Array.from({ length: to - from + 1 }, (_, i) => this.#place(from + i)) : []
    for (const [band, value] of frame.entries()) {
      const heard = melEnergy(value)
      const noise = Math.max(MEL_FLOOR, (this.#background[band] ?? 0) * NOISE_RISE)
      this.#background[band] = Math.min(heard, noise)
      if (!echoes) continue
      let played = 0
      for (const place of places) if (place !== undefined) played = Math.max(played, this.#energies[place + band] ?? 0)
      const tail = Math.max(played, (this.#tail[band] ?? 0) * Math.exp(-ROOM_DECAY))
      this.#tail[band] = tail
      const explained = MARGIN * Math.exp(this.#coupling[band] ?? 0) * tail
      if (Math.log(played + MEL_FLOOR) > AUDIBLE) this.#learnCoupling(band, Math.log((heard + MEL_FLOOR) / played))
      if (explained > MEL_FLOOR) frame[band] = melOf(Math.max(heard - explained, Math.min(heard, this.#background[band] ?? 0)))
    }
  }

  #learnCoupling(band: number, ratio: number): void {
    const known = this.#coupling[band] ?? 0
    const next = known + (ratio > known ? RISE : -FALL)
    this.#coupling[band] = Math.max(COUPLING_RANGE.least, Math.min(COUPLING_RANGE.most, next))
  }
}

/** Moves a band's mean towards a level. @returns the level about that mean */
function follow(mean: Float64Array, band: number, level: number): number {
  const before = mean[band] ?? 0
  mean[band] = before + (level - before) * MEAN_RATE
  return level - before
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += (a[i] ?? 0) * (b[i] ?? 0)
  return sum
}
