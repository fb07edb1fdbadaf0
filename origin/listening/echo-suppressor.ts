/**
 * Removes the avatar's own voice, as the user's loudspeakers return it, from the detector's input. Works on log-mel frames: learns
 * the echo's delay and attenuation from played and recorded frames, and subtracts the energy that they explain. The audio itself is
 * not changed.
 */
import { SAMPLE_RATE } from '../../shared/media.ts'
import { createResampler, type Resampler } from '../codec/resample.ts'
import { HISTORY, HOP, logMel, MEL_BANDS, MEL_FLOOR, MEL_SAMPLE_RATE, melEnergy, melOf } from '../dsp/log-mel.ts'
import { concatPcm } from '../dsp/pcm.ts'
import { EchoTrial, SPREAD } from './echo-trial.ts'
import type { EchoReference } from './types.ts'

/** ms in one frame. */
const FRAME_MS = (HOP / MEL_SAMPLE_RATE) * 1000
/** Delays that are distinguished, from sending audio to its echo: up to 800 ms (network both ways, buffers, the room), every 20 ms. */
const LAGS = 41
const LAG_FRAMES = 2
/** Frames of played sound that are kept. */
const KEPT = 2 * LAGS * LAG_FRAMES
/** Learns from every third frame only: neighbouring frames carry the same information. */
const LEARN_EVERY = 3
/** Share of the sums that remains after each: a memory of about three seconds of the avatar's speech. */
const MEMORY = 0.99
/** Frames of audible playout before the estimate is used; until then an echo may come at any delay, as loud as it was played. */
const LEARNING_FRAMES = 40
/** Frames of audible playout after which the estimate is trusted; until then a user may be taken for an echo. */
const TRUSTED_FRAMES = 300
/** Frames of silence, as after a pause, with which what is played is judged anew. */
const REST_FRAMES = 40
/** Frames in which a room falls silent. */
const FADING_FRAMES = 20
/** Of ln(energy) a frame: how quickly a room falls silent (0.4 s for 60 dB). */
const ROOM_DECAY = 0.35
/** Energy that is taken away, over what is learned: 6 dB. */
const MARGIN = 4
/** ln(energy) above which a played band tells about the coupling. */
const AUDIBLE = Math.log(MEL_FLOOR) + 4
/** Of a band's mean level a frame, for what correlates is change. */
const MEAN_RATE = 0.01
/** Of the background's energy a frame: 3 dB a second upwards, at once downwards. */
const NOISE_RISE = 1.007
/** Change of the clocks' distance a frame: late packets do not move it, drifting clocks do. */
const CLOCK_RATE = 0.005
/** No packet is later than this many frames: beyond it the microphone was off, and its stream continues at another time. */
const GONE_FRAMES = 40

export class EchoSuppressor {
  readonly #reference: EchoReference
  readonly #now: () => number
  readonly #resampler: Resampler = createResampler(SAMPLE_RATE, MEL_SAMPLE_RATE)
  /** HISTORY samples that were framed, then those that make no whole frame yet. */
  #pending: Int16Array = new Int16Array(HISTORY)
  #seenUntilMs: number | undefined
  /** Energies and levels about their mean of played frames, ring of KEPT. */
  readonly #energies = new Float64Array(KEPT * MEL_BANDS)
  readonly #nearby = new Float64Array(KEPT * MEL_BANDS)
  readonly #changes = new Float64Array(KEPT * MEL_BANDS)
  readonly #playedMean = new Float64Array(MEL_BANDS).fill(Math.log(MEL_FLOOR))
  readonly #micMean = new Float64Array(MEL_BANDS).fill(Math.log(MEL_FLOOR))
  #playedFrames = 0
  #micFrames = 0
  /** Played frame that sounds with microphone frame 0. */
  #distance: number | undefined
  /** By lag: how alike the changes of levels are, and how much changed there. */
  readonly #alike = new Float64Array(LAGS)
  readonly #changed = new Float64Array(LAGS)
  /** By lag and band: sums of played energy, of its square, and of its product with the microphone's. */
  readonly #sum = new Float64Array(LAGS * MEL_BANDS)
  readonly #squares = new Float64Array(LAGS * MEL_BANDS)
  readonly #products = new Float64Array(LAGS * MEL_BANDS)
  readonly #micSum = new Float64Array(MEL_BANDS)
  #weight = 0
  #learnedFrames = 0
  /** What follows from it: the most likely lag, and what each band gives back there. */
  #likeliestLag = 0
  readonly #couplings = new Float64Array(MEL_BANDS)
  readonly #tail = new Float64Array(MEL_BANDS)
  readonly #background = new Float64Array(MEL_BANDS).fill(MEL_FLOOR)
  readonly #trial = new EchoTrial({
    lags: LAGS,
    nearby: this.#nearby,
    offset: (lag, framesEarlier) => this.#ringOffset(lag * LAG_FRAMES + framesEarlier),
  })
  /** Frames since something was played; long ago: nothing to be done. */
  #quietFrames = KEPT

  /** @param now the clock of `played.untilMs`, ms */
  constructor({ played, now }: { played: EchoReference; now: () => number }) {
    this.#reference = played
    this.#now = now
  }

  /** The most likely delay, ms. */
  get delayMs(): number {
    return this.#likeliestLag * LAG_FRAMES * FRAME_MS
  }

  /** Nothing that was played can be heard any more. */
  get over(): boolean {
    return this.#quietFrames > LAGS * LAG_FRAMES + FADING_FRAMES
  }

  /** Enough was played that what `clean` leaves is the user's. */
  get trusted(): boolean {
    return this.#learnedFrames >= TRUSTED_FRAMES
  }

  /** While it is not trusted: what is heard is no echo, whatever `clean` took away. */
  get hearsUser(): boolean {
    return !this.trusted && this.#quietFrames < KEPT && this.#trial.refuted
  }

  /** Frames of the microphone, row-major [frames, MEL_BANDS]; without the echo afterwards. */
  clean(frames: Float32Array): void {
    const count = frames.length / MEL_BANDS
    this.#readReference()
    this.#alignClocks(count)
    for (let i = 0; i < count; i++) {
      this.#micFrames += 1
      this.#suppress(frames.subarray(i * MEL_BANDS, (i + 1) * MEL_BANDS))
    }
  }

  close(): void {
    this.#resampler.close()
  }

  #readReference(): void {
    const { untilMs } = this.#reference
    if (untilMs === this.#seenUntilMs) return
    const recent = this.#reference.recent()
    const newMs = this.#seenUntilMs === undefined ? 0 : untilMs - this.#seenUntilMs
    const samples = Math.max(0, Math.min(recent.length, Math.round((newMs / 1000) * SAMPLE_RATE)))
    this.#seenUntilMs = untilMs
    const heard = this.#resampler.push(recent.slice(recent.length - samples))
    this.#pending = concatPcm([this.#pending, heard])
    const mel = logMel(this.#pending)
    const frames = mel.length / MEL_BANDS
    this.#pending = this.#pending.slice(frames * HOP)
    for (let i = 0; i < frames; i++) this.#storeReferenceFrame(mel.subarray(i * MEL_BANDS, (i + 1) * MEL_BANDS))
  }

  #storeReferenceFrame(frame: Float32Array): void {
    const at = (this.#playedFrames % KEPT) * MEL_BANDS
    this.#nearby.fill(0, at, at + MEL_BANDS)
    let audible = false
    for (const [band, value] of frame.entries()) {
      const energy = melEnergy(value)
      const level = Math.log(energy + MEL_FLOOR)
      audible ||= level > AUDIBLE
      this.#energies[at + band] = energy
      this.#changes[at + band] = follow(this.#playedMean, band, level)
      for (let before = 0; before <= Math.min(SPREAD, this.#playedFrames); before++) {
        const near = ((this.#playedFrames - before) % KEPT) * MEL_BANDS + band
        this.#nearby[near] = Math.max(this.#nearby[near] ?? 0, energy)
        this.#nearby[at + band] = Math.max(this.#nearby[at + band] ?? 0, this.#energies[near] ?? 0)
      }
    }
    this.#playedFrames += 1
    if (audible && this.#quietFrames > REST_FRAMES) this.#trial.restart()
    this.#quietFrames = audible ? 0 : this.#quietFrames + 1
  }

  /** Uses the packets that arrive earliest: late ones only seem to be further away. */
  #alignClocks(coming: number): void {
    const ahead = ((this.#seenUntilMs ?? 0) - this.#now()) / FRAME_MS
    const distance = this.#playedFrames - ahead - (this.#micFrames + coming)
    const known = this.#distance
    const isReset = known === undefined || distance < known || distance > known + GONE_FRAMES
    this.#distance = isReset ? distance : known + (distance - known) * CLOCK_RATE * coming
  }

  /** Ring place of the frame that was played so many frames before the latest of the microphone; undefined where it is not there. */
  #ringOffset(framesBefore: number): number | undefined {
    const index = Math.round(this.#micFrames - 1 + (this.#distance ?? 0)) - framesBefore
    return index < 0 || index >= this.#playedFrames || index < this.#playedFrames - KEPT ? undefined : (index % KEPT) * MEL_BANDS
  }

  #learn(energies: Float64Array): void {
    const changes = energies.map((energy, band) => follow(this.#micMean, band, Math.log(energy + MEL_FLOOR)))
    if (this.#quietFrames >= KEPT) return
    if (this.#quietFrames === 0) this.#learnedFrames += 1
    if (this.#micFrames % LEARN_EVERY !== 0) return
    this.#weight = this.#weight * MEMORY + 1
    for (let band = 0; band < MEL_BANDS; band++) this.#micSum[band] = (this.#micSum[band] ?? 0) * MEMORY + (energies[band] ?? 0)
    for (let lag = 0; lag < LAGS; lag++) {
      const place = this.#ringOffset(lag * LAG_FRAMES)
      let [alike, changed] = [0, 0]
      for (let band = 0; band < MEL_BANDS; band++) {
        const at = lag * MEL_BANDS + band
        const played = place === undefined ? 0 : (this.#energies[place + band] ?? 0)
        const change = place === undefined ? 0 : (this.#changes[place + band] ?? 0)
        alike += change * (changes[band] ?? 0)
        changed += change * change
        this.#sum[at] = (this.#sum[at] ?? 0) * MEMORY + played
        this.#squares[at] = (this.#squares[at] ?? 0) * MEMORY + played * played
        this.#products[at] = (this.#products[at] ?? 0) * MEMORY + played * (energies[band] ?? 0)
      }
      this.#alike[lag] = (this.#alike[lag] ?? 0) * MEMORY + alike
      this.#changed[lag] = (this.#changed[lag] ?? 0) * MEMORY + changed
    }
    this.#likeliestLag = this.#mostAlikeLag()
    for (let band = 0; band < MEL_BANDS; band++) this.#couplings[band] = this.#coupling(this.#likeliestLag, band)
  }

  /** The lag at which levels change most alike. */
  #mostAlikeLag(): number {
    let best = 0
    let most = Number.NEGATIVE_INFINITY
    for (let lag = 0; lag < LAGS; lag++) {
      const alike = (this.#alike[lag] ?? 0) / Math.sqrt((this.#changed[lag] ?? 0) + 1e-9)
      if (alike > most) [most, best] = [alike, lag]
    }
    return best
  }

  /** Energy that a band gives back of what is played: the slope of one over the other, so that what is always there does not count. */
  #coupling(lag: number, band: number): number {
    const at = lag * MEL_BANDS + band
    const [sum, products] = [this.#sum[at] ?? 0, this.#products[at] ?? 0]
    const spread = (this.#squares[at] ?? 0) - (sum * sum) / this.#weight
    return spread < 1e-9 ? 0 : Math.max(0, (products - (sum * (this.#micSum[band] ?? 0)) / this.#weight) / spread)
  }

  /** Takes the echo out of one frame, and learns from it. */
  #suppress(frame: Float32Array): void {
    const energies = Float64Array.from(frame, melEnergy)
    this.#learn(energies)
    const echoes = this.#quietFrames < KEPT
    if (echoes && !this.trusted) this.#trial.push(energies)
    const knows = this.#learnedFrames >= LEARNING_FRAMES
    const lag = this.#likeliestLag
    const [from, to] = knows ? [lag * LAG_FRAMES - SPREAD, lag * LAG_FRAMES + SPREAD] : [0, (LAGS - 1) * LAG_FRAMES]
    const places = echoes ? Array.from({ length: to - from + 1 }, (_, i) => this.#ringOffset(from + i)) : []
    for (const [band, heard] of energies.entries()) {
      const noise = Math.max(MEL_FLOOR, (this.#background[band] ?? 0) * NOISE_RISE)
      this.#background[band] = Math.min(heard, noise)
      if (!echoes) continue
      let played = 0
      for (const place of places) if (place !== undefined) played = Math.max(played, this.#energies[place + band] ?? 0)
      const tail = Math.max(played, (this.#tail[band] ?? 0) * Math.exp(-ROOM_DECAY))
      this.#tail[band] = tail
      const explained = MARGIN * (knows ? (this.#couplings[band] ?? 0) : 1) * tail
      if (explained > MEL_FLOOR) frame[band] = melOf(Math.max(heard - explained, Math.min(heard, this.#background[band] ?? 0)))
    }
  }
}

/** Moves a band's mean towards a level. @returns the level about that mean */
function follow(mean: Float64Array, band: number, level: number): number {
  const before = mean[band] ?? 0
  mean[band] = before + (level - before) * MEAN_RATE
  return level - before
}
