/** Kokoro-82M (Apache-2.0): phonemes in, sound and the length of every phoneme out. Made by studio/voice/convert.py. */
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { InferenceSession, Tensor } from '../../../onnx/runtime.ts'

export const VOICE_FOLDER = new URL('../../../../models/voice/', import.meta.url)
/** Numbers that describe a voice. */
const STYLE = 256
/** Output that holds the frames of every token. */
const DURATIONS = '/encoder/Clip_output_0'
/** Samples of one frame of a duration, at SAMPLE_RATE. */
export const FRAME_SAMPLES = 600

export interface VoiceJob {
  /** Symbols of the network; others are left out. At most `MAX_SYMBOLS`. */
  phonemes: string
  voiceId: string
  /** 1 is the voice's own pace, 2 twice as fast. */
  speed: number
}

export interface Spoken {
  /** [-1, 1], mono, SAMPLE_RATE Hz. */
  sound: Float32Array
  /** Frames of the silence before, of every symbol of `phonemes`, of the silence after; 0 for one that is left out. */
  frames: Float32Array
}

/** Symbols of one run: rows of a voice, less the marks of the beginning and the end. */
export const MAX_SYMBOLS = 398

interface Index {
  voices: string[]
  rows: number
  symbols: Record<string, number>
}

export class KokoroNetwork {
  readonly #session: InferenceSession
  readonly #index: Index
  readonly #styles: Uint16Array

  private constructor(session: InferenceSession, index: Index, styles: Uint16Array) {
    this.#session = session
    this.#index = index
    this.#styles = styles
  }

  /** @param threads cores that one run may use @throws Error when the files are missing or damaged */
  static async load(threads: number): Promise<KokoroNetwork> {
    const [index, styles, session] = await Promise.all([
      readFile(new URL('voices.json', VOICE_FOLDER), 'utf8').then((text) => JSON.parse(text) as Index),
      readFile(new URL('voices.f16', VOICE_FOLDER)),
      InferenceSession.create(fileURLToPath(new URL('kokoro.onnx', VOICE_FOLDER)), {
        intraOpNumThreads: threads,
        interOpNumThreads: 1,
      }),
    ])
    if (styles.length !== index.voices.length * index.rows * STYLE * 2) throw new Error('models/voice/voices.f16 has another size')
    return new KokoroNetwork(session, index, new Uint16Array(styles.buffer, styles.byteOffset, styles.length / 2))
  }

  async speak({ phonemes, voiceId, speed }: VoiceJob): Promise<Spoken> {
    const symbols = [...phonemes]
    const known = symbols.map((symbol) => this.#index.symbols[symbol])
    const tokens = [0, ...known.filter((token) => token !== undefined), 0]
    if (tokens.length > MAX_SYMBOLS + 2) throw new Error(`${tokens.length} tokens are too many`)
    const output = await this.#session.run({
      tokens: new Tensor('int64', BigInt64Array.from(tokens, BigInt), [1, tokens.length]),
      style: new Tensor('float32', this.#style(voiceId, tokens.length - 2), [1, STYLE]),
      speed: new Tensor('float32', [speed], [1]),
    })
    const sound = output.audio?.data
    const lengths = output[DURATIONS]?.data
    if (!(sound instanceof Float32Array) || !(lengths instanceof Float32Array)) throw new Error('the network has other outputs')
    const frames = new Float32Array(symbols.length + 2)
    frames[0] = lengths[0] ?? 0
    frames[symbols.length + 1] = lengths.at(-1) ?? 0
    let at = 1
    for (const [i, token] of known.entries()) if (token !== undefined) frames[i + 1] = lengths[at++] ?? 0
    return { sound, frames }
  }

  #style(voiceId: string, symbols: number): Float32Array {
    const { voices, rows } = this.#index
    const row = voices.indexOf(voiceId) * rows + Math.min(symbols, rows - 1)
    return Float32Array.from(this.#styles.subarray(row * STYLE, (row + 1) * STYLE), halfToFloat)
  }
}

/** IEEE 754 binary16. */
function halfToFloat(half: number): number {
  const exponent = (half >> 10) & 31
  const fraction = half & 1023
  const size = exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15)
  return half & 0x8000 ? -size : size
}
