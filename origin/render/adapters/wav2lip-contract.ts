/**
 * What a graph of Wav2Lip's kind takes and gives. Exports differ in names, order, layout and number type; all of that stands in
 * the file and is read from it. What is not there, the range of the picture that comes out, is learned from a first run.
 */
import type { InferenceSession } from '../../onnx/runtime.ts'
import { MEL_BANDS, WINDOW_FRAMES } from './wav2lip-mel.ts'

type NumberType = 'float32' | 'float16' | 'uint8'

export interface Wav2lipContract {
  mel: {
    name: string
    type: 'float32' | 'float16'
    /** [80, 16] of one window as the graph wants it, with axes of 1 around it; without the batch. */
    dims: number[]
    /** True: [16, 80]. */
    transposed: boolean
  }
  frames: {
    name: string
    type: NumberType
    /** True: [S, S, 6]. */
    channelsLast: boolean
    /** S, pixels; undefined where the file leaves it open. */
    side: number | undefined
  }
  output: string
}

const WANTED = 'a Wav2Lip graph takes mel [B, 1, 80, 16] and frames [B, 6, S, S]'
const CHANNELS = 6
const MIN_SIDE = 16
/** The output's name in the public exports, where a graph has several. */
const OUTPUT = 'predicted_frames'

interface Input {
  name: string
  type: string
  shape: readonly (number | string)[]
}

/** @throws Error in one line with the file's name that says what the graph has and should have */
export function wav2lipContract(file: string, session: InferenceSession): Wav2lipContract {
  const inputs = session.inputMetadata.flatMap((about): Input[] => (about.isTensor ? [about] : []))
  const has = inputs.map(({ name, type, shape }) => `${name} ${type} [${shape.join(', ')}]`).join(' and ')
  const refuse = (): never => {
    throw new Error(`${file} takes ${has === '' ? 'no tensor' : has}; ${WANTED}`)
  }
  const seen = inputs.find(({ shape }) => shape.length === 4 && (shape[1] === CHANNELS || shape[3] === CHANNELS)) ?? refuse()
  const heard = inputs.find((input) => input !== seen) ?? refuse()
  if (session.inputNames.length !== 2) refuse()
  const channelsLast = seen.shape[1] !== CHANNELS
  const [height, width] = channelsLast ? seen.shape.slice(1, 3) : seen.shape.slice(2)
  const [side, other] = [width, height].map((length) => (typeof length === 'number' && length > 0 ? length : undefined))
  if (side !== other || (side !== undefined && side < MIN_SIDE)) refuse()
  if (!isNumberType(seen.type) || (heard.type !== 'float32' && heard.type !== 'float16')) return refuse()
  const mel = melAxes(heard.shape) ?? refuse()
  return {
    mel: { name: heard.name, type: heard.type, ...mel },
    frames: { name: seen.name, type: seen.type, channelsLast, side },
    output: outputName(file, session),
  }
}

/** Where bands and frames are in a mel input of this shape: with a channel before or behind them, or none; undefined for others. */
function melAxes(shape: readonly (number | string)[]): { dims: number[]; transposed: boolean } | undefined {
  const axes = shape.slice(1)
  const fits = (dims: readonly number[]): boolean =>
    dims.length === axes.length && axes.every((axis, i) => axis === dims[i] || typeof axis === 'string' || axis <= 0)
  for (const transposed of [false, true]) {
    const plane = transposed ? [WINDOW_FRAMES, MEL_BANDS] : [MEL_BANDS, WINDOW_FRAMES]
    for (const dims of [[1, ...plane], [...plane, 1], plane]) if (fits(dims)) return { dims, transposed }
  }
  return undefined
}

function outputName(file: string, { outputNames, outputMetadata }: InferenceSession): string {
  const pictures = outputMetadata.filter((about) => about.isTensor && about.shape.length === 4).map(({ name }) => name)
  const [only] = pictures.length === 1 ? pictures : outputNames
  if (outputNames.includes(OUTPUT)) return OUTPUT
  if (only !== undefined && (pictures.length === 1 || outputNames.length === 1)) return only
  throw new Error(`${file} gives [${outputNames.join(', ')}]; a Wav2Lip graph gives one picture, [B, 3, S, S], or names it ${OUTPUT}`)
}

function isNumberType(type: string): type is NumberType {
  return type === 'float32' || type === 'float16' || type === 'uint8'
}

/** How an output's numbers become 0..1: value * gain + offset. */
export interface Range {
  gain: number
  offset: number
}

const ZERO_TO_ONE: Range = { gain: 1, offset: 0 }
const ZERO_TO_255: Range = { gain: 1 / 255, offset: 0 }
const MINUS_ONE_TO_ONE: Range = { gain: 0.5, offset: 0.5 }
/** Between the three, with room for networks that overshoot. */
const MOST_OF_ONE = 2
const LEAST_OF_255 = 16
const LEAST_NEGATIVE = -0.25

/**
 * Which range a graph answers in.
 *
 * @param black, white mean of what it drew where it was shown black, and white
 * @throws Error when it is none
 */
export function rangeOf(file: string, black: number, white: number): Range {
  if (white >= LEAST_OF_255 && black >= LEAST_NEGATIVE * white) return ZERO_TO_255
  if (white <= MOST_OF_ONE && black >= -MOST_OF_ONE) return black < LEAST_NEGATIVE ? MINUS_ONE_TO_ONE : ZERO_TO_ONE
  const [b, w] = [black, white].map((value) => Number(value.toPrecision(3)))
  throw new Error(`${file} draws black as ${b} and white as ${w}; a Wav2Lip graph gives pictures in 0..1, -1..1 or 0..255`)
}
