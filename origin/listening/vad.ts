/**
 * Voice activity detection: a small recurrent network over log-mel frames, one probability every 20 ms. Plain arithmetic: 10,800
 * parameters take less time than a call into a runtime. Trained by studio/vad; see models/vad/README.md.
 */
import { readFileSync } from 'node:fs'
import { MEL_BANDS } from '../dsp/log-mel.ts'

/** ms of sound in one answer. */
export const VAD_ROW_MS = 20
/** Frames of 10 ms in one answer. */
export const VAD_ROW_FRAMES = 2
const NARROW_TAPS = 3
const HALVE_TAPS = 4

/** The trained values; one for all streams of the process. */
export interface VadWeights {
  width: number
  memory: number
  /** ms by which an answer trails the sound that it is about. */
  delayMs: number
  /** [width, tap, band] */
  narrow: Float32Array
  narrowBias: Float32Array
  /** [width, tap, width] */
  halve: Float32Array
  halveBias: Float32Array
  /** Reset, update and candidate gates, [3 memory, width]. */
  input: Float32Array
  inputBias: Float32Array
  /** [3 memory, memory] */
  state: Float32Array
  stateBias: Float32Array
  decide: Float32Array
  decideBias: Float32Array
}

/** Reads a safetensors file. @throws Error when it is none, or not this network */
export function readVadWeights(path: string): VadWeights {
  const file = readFileSync(path)
  const headerBytes = Number(file.readBigUInt64LE(0))
  const header = JSON.parse(file.toString('utf8', 8, 8 + headerBytes)) as Record<
    string,
    { shape: number[]; data_offsets: [number, number] }
  >
  const facts = header.__metadata__ as unknown as { delay_rows: string }
  const values = file.subarray(8 + headerBytes)
  const tensor = (name: string, ...shape: number[]): Float32Array => {
    const entry = header[name]
    if (!entry || entry.shape.join() !== shape.join()) throw new Error(`${path}: ${name} is not [${shape.join()}]`)
    const [from, to] = entry.data_offsets
    return new Float32Array(values.buffer.slice(values.byteOffset + from, values.byteOffset + to))
  }
  const width = header['narrow.bias']?.shape[0] ?? 0
  const memory = header['decide.weight']?.shape[1] ?? 0
  return {
    width,
    memory,
    delayMs: Number(facts.delay_rows) * VAD_ROW_MS,
    narrow: tensor('narrow.weight', width, NARROW_TAPS, MEL_BANDS),
    narrowBias: tensor('narrow.bias', width),
    halve: tensor('halve.weight', width, HALVE_TAPS, width),
    halveBias: tensor('halve.bias', width),
    input: tensor('memory.input', 3 * memory, width),
    inputBias: tensor('memory.input_bias', 3 * memory),
    state: tensor('memory.state', 3 * memory, memory),
    stateBias: tensor('memory.state_bias', 3 * memory),
    decide: tensor('decide.weight', 1, memory),
    decideBias: tensor('decide.bias', 1),
  }
}

/** The network's state for one stream of audio. */
export class Vad {
  readonly #weights: VadWeights
  /** The latest NARROW_TAPS frames, oldest first. */
  readonly #frames: Float32Array
  /** The latest HALVE_TAPS narrowed frames, oldest first. */
  readonly #narrowed: Float32Array
  readonly #halved: Float32Array
  readonly #memory: Float32Array
  readonly #fromInput: Float32Array
  readonly #fromState: Float32Array
  #odd = false

  constructor(weights: VadWeights) {
    const { width, memory } = weights
    this.#weights = weights
    this.#frames = new Float32Array(NARROW_TAPS * MEL_BANDS)
    this.#narrowed = new Float32Array(HALVE_TAPS * width)
    this.#halved = new Float32Array(width)
    this.#memory = new Float32Array(memory)
    this.#fromInput = new Float32Array(3 * memory)
    this.#fromState = new Float32Array(3 * memory)
  }

  /**
   * @param frame MEL_BANDS log-mel values of the next 10 ms, as `logMel` makes them
   * @returns a probability with every second frame; about the sound `delayMs` earlier
   */
  push(frame: Float32Array): number | undefined {
    const { width, memory, narrow, narrowBias, halve, halveBias, input, inputBias, state, stateBias, decide, decideBias } = this.#weights
    shiftIn(this.#frames, frame)
    this.#narrowed.copyWithin(0, width)
    multiply(this.#narrowed.subarray(-width), { matrix: narrow, vector: this.#frames, bias: narrowBias, rectify: true })
    this.#odd = !this.#odd
    if (this.#odd) return undefined
    multiply(this.#halved, { matrix: halve, vector: this.#narrowed, bias: halveBias, rectify: true })
    multiply(this.#fromInput, { matrix: input, vector: this.#halved, bias: inputBias })
    multiply(this.#fromState, { matrix: state, vector: this.#memory, bias: stateBias })
    let logit = decideBias[0] ?? 0
    for (let i = 0; i < memory; i++) {
      const reset = sigmoid(at(this.#fromInput, i) + at(this.#fromState, i))
      const update = sigmoid(at(this.#fromInput, memory + i) + at(this.#fromState, memory + i))
      const candidate = Math.tanh(at(this.#fromInput, 2 * memory + i) + reset * at(this.#fromState, 2 * memory + i))
      const value = (1 - update) * candidate + update * at(this.#memory, i)
      this.#memory[i] = value
      logit += value * at(decide, i)
    }
    return sigmoid(logit)
  }
}

function at(values: Float32Array, i: number): number {
  return values[i] ?? 0
}

function shiftIn(ring: Float32Array, frame: Float32Array): void {
  ring.copyWithin(0, frame.length)
  ring.set(frame, ring.length - frame.length)
}

interface Product {
  /** [rows, vector.length] */
  matrix: Float32Array
  vector: Float32Array
  bias: Float32Array
  rectify?: boolean
}

function multiply(out: Float32Array, { matrix, vector, bias, rectify = false }: Product): void {
  const length = vector.length
  for (let row = 0; row < out.length; row++) {
    let sum = at(bias, row)
    const from = row * length
    for (let i = 0; i < length; i++) sum += (matrix[from + i] ?? 0) * (vector[i] ?? 0)
    out[row] = rectify && sum < 0 ? 0 : sum
  }
}

function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x))
}
