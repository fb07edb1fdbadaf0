/**
 * Whether what is heard can be an echo at all, while little is known of the room. At the delay of an echo, heard and played levels
 * keep their distance, band by band; a user does not follow what the avatar says. Two tenths of a second tell one from the other.
 */
import { MEL_BANDS, MEL_FLOOR } from '../dsp/log-mel.ts'

/** Frames by which packets of the microphone may lie beside their time: the loudest within so many counts. */
export const SPREAD = 3
const WINDOW = 2 * SPREAD + 1
/** Played energy that tells about an echo: audible, and within 17 dB of the loudest in its band. */
const AUDIBLE = MEL_FLOOR * Math.exp(4)
const NEAR_LOUDEST = Math.exp(-4)
/** Frames in a band, and bands, that a delay is judged by. */
const LEAST_FRAMES = 10
const LEAST_BANDS = 6
/** Frames after which an echo must have shown: none of the delays that are so long past may be unjudged. */
const DUE_FRAMES = 16
/** Share of the sums that remains with each frame that tells: a memory of a second of the avatar's speech. */
const MEMORY = 0.97
/** Variance of the distance, ln(energy) squared. Echoes of rooms with late packets reach 0.74, users begin at 0.5 and reach 10. */
const ECHO_VARIANCE = 0.9

export interface PlayedFrames {
  /** Delays that are distinguished. */
  lags: number
  /** Ring of [frames, MEL_BANDS]: the most energy within SPREAD of each frame. */
  nearby: Float64Array
  /** Place in it of what was played that many frames before the latest frame heard, if an echo takes that lag; undefined where nothing was. */
  offset: (lag: number, framesEarlier: number) => number | undefined
}

export class EchoTrial {
  readonly #played: PlayedFrames
  /** By lag and band: frames, sum of the distance, of its square. */
  readonly #frames: Float64Array
  readonly #sum: Float64Array
  readonly #squares: Float64Array
  /** By lag: frames since the avatar's first sound would have been heard. */
  readonly #age: Float64Array
  /** The latest WINDOW frames heard. */
  readonly #heard = new Float64Array(WINDOW * MEL_BANDS)
  /** By band, of what was played. */
  readonly #loudest = new Float64Array(MEL_BANDS)

  constructor(played: PlayedFrames) {
    this.#played = played
    const size = played.lags * MEL_BANDS
    this.#frames = new Float64Array(size)
    this.#sum = new Float64Array(size)
    this.#squares = new Float64Array(size)
    this.#age = new Float64Array(played.lags)
  }

  /** Takes the next heard frame into account. */
  push(heard: Float64Array): void {
    const { lags, nearby, offset } = this.#played
    this.#heard.copyWithin(0, MEL_BANDS)
    this.#heard.set(heard, this.#heard.length - MEL_BANDS)
    const most = new Float64Array(MEL_BANDS)
    for (const [i, energy] of this.#heard.entries()) most[i % MEL_BANDS] = Math.max(most[i % MEL_BANDS] ?? 0, energy)
    const latest = offset(0, SPREAD)
    for (let lag = 0; lag < lags; lag++) {
      const place = offset(lag, SPREAD)
      if (place === undefined) continue
      let audible = false
      for (let band = 0; band < MEL_BANDS; band++) {
        const energy = nearby[place + band] ?? 0
        const loudest = Math.max(this.#loudest[band] ?? 0, place === latest ? energy : 0)
        this.#loudest[band] = loudest
        audible ||= energy > AUDIBLE
        if (energy < AUDIBLE || energy < NEAR_LOUDEST * loudest) continue
        const at = lag * MEL_BANDS + band
        const distance = Math.log(((most[band] ?? 0) + MEL_FLOOR) / energy)
        this.#frames[at] = (this.#frames[at] ?? 0) * MEMORY + 1
        this.#sum[at] = (this.#sum[at] ?? 0) * MEMORY + distance
        this.#squares[at] = (this.#squares[at] ?? 0) * MEMORY + distance * distance
      }
      if (audible || (this.#age[lag] ?? 0) > 0) this.#age[lag] = (this.#age[lag] ?? 0) + 1
    }
  }

  /** Forgets all: what the user said over the avatar belongs to no echo. */
  restart(): void {
    for (const sums of [this.#frames, this.#sum, this.#squares, this.#age]) sums.fill(0)
  }

  /** What was heard is no echo: it keeps no distance at any delay at which one can have come by now. */
  get refuted(): boolean {
    const due = Array.from(this.#age.keys()).filter((lag) => (this.#age[lag] ?? 0) >= DUE_FRAMES)
    return due.length > 0 && due.every((lag) => this.#variance(lag) > ECHO_VARIANCE)
  }

  /** Of the distance about its mean in each band; 0 where too little is known. */
  #variance(lag: number): number {
    let [bands, freedom, squares] = [0, 0, 0]
    for (let at = lag * MEL_BANDS; at < (lag + 1) * MEL_BANDS; at++) {
      const frames = this.#frames[at] ?? 0
      if (frames < LEAST_FRAMES) continue
      bands += 1
      freedom += frames - 1
      squares += (this.#squares[at] ?? 0) - (this.#sum[at] ?? 0) ** 2 / frames
    }
    return bands < LEAST_BANDS ? 0 : squares / freedom
  }
}
