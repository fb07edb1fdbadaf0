/**
 * Brings quiet sound to the level of speech that the VAD knows best, and its high bands above its low ones: a quiet "two" is little more
 * than a hum. Works on log-mel frames, and looks at the past alone.
 */
import { MEL_BANDS, melEnergy, melOf } from '../dsp/log-mel.ts'

/** ln(energy) of all bands together: speech at -23 dBFS. */
const TARGET = 5.9
/** Of energy: 20 dB. */
const MAX_GAIN = Math.log(100)
/** Of ln(energy) a frame, by which the loudest of the past fades: 3 dB a second. */
const FADE = 0.007
/** Factors of energy by band: -10 dB at the lowest, 10 dB at the highest. */
const TILT = Float64Array.from({ length: MEL_BANDS }, (_, band) => 10 ** (2 * (band / (MEL_BANDS - 1)) - 1))

export class QuietGain {
  /** ln(energy) of the loudest frame lately. */
  #loudest = Number.NEGATIVE_INFINITY

  /** @param frame MEL_BANDS log-mel values @returns the same, louder where all has been quiet lately */
  apply(frame: Float32Array): Float32Array {
    const energies = Float64Array.from(frame, (value, band) => melEnergy(value) * (TILT[band] ?? 1))
    const level = Math.log(energies.reduce((sum, energy) => sum + energy, Number.MIN_VALUE))
    this.#loudest = Math.max(level, this.#loudest - FADE)
    const gain = Math.exp(Math.min(MAX_GAIN, Math.max(0, TARGET - this.#loudest)))
    return Float32Array.from(energies, (energy) => melOf(energy * gain))
  }
}
