/** Graphs with the names and shapes of Wav2Lip's public ONNX exports, made by code. */
import { ELEMENTS, externalTensor, model, node, tensor, valueInfo } from './onnx-writer.ts'

/** What one unit of the mel window's mean adds to red, green and blue of the tiny graph's answer. */
export const TINY_COLOUR = [0.05, -0.04, 0.03] as const
/** What the masked face's mean adds to all colours: proof that the masked half reaches the network in its place. */
export const TINY_MASKED_SHARE = 0.25

/** Added everywhere, rim included: another light than the clip's. */
const TINY_TINT = 0.06

/** True where the tiny graph's mouth is: inside the lower half, away from every rim. u, v: patch pixels. */
export function inTinyMouth(u: number, v: number, side: number): boolean {
  return u > 0.3 * side && u < 0.7 * side && v > 0.6 * side && v < 0.85 * side
}

export interface TinyOptions {
  /** A name leaves the batch open. @default 'B' */
  batch?: string | number
  frames?: string
  mel?: string
  output?: string
  /** Frames before mel. */
  framesFirst?: boolean
  /** Of inputs and output. */
  type?: 'float32' | 'float16'
  /** The frames are bytes. */
  bytes?: boolean
  /** Frames and output are [B, S, S, channels]. */
  channelsLast?: boolean
  /** Axes of mel behind the batch. @default [1, 80, 16] */
  melAxes?: readonly (number | string)[]
  /** File that some of the weights are in, as exporters of large networks do. */
  weightsIn?: string
  /** The file does not say S. */
  openSide?: boolean
  /** False: the sound changes nothing. @default true */
  moves?: boolean
  /** What the output's 0..1 becomes. */
  gain?: number
  offset?: number
}

/** output = reference + TINY_TINT + mouth * (mean(mel) * colour + TINY_MASKED_SHARE * mean(masked face)), per patch. */
export function tinyWav2lip(side: number, options: TinyOptions = {}): Buffer {
  const { batch = 'B', frames = 'video_frames', mel = 'mel_spectrogram', output = 'predicted_frames' } = options
  const {
    framesFirst = false,
    type = 'float32',
    bytes = false,
    channelsLast = false,
    melAxes = [1, 80, 16],
    moves = true,
    openSide = false,
    weightsIn,
    gain = 1,
    offset = 0,
  } = options
  const [r, g, b] = TINY_COLOUR
  const mouth = Float32Array.from({ length: side * side }, (_, i) =>
    Number(inTinyMouth((i % side) + 0.5, Math.floor(i / side) + 0.5, side)),
  )
  const [high, wide] = openSide ? ['H', 'W'] : [side, side]
  const size = (channels: number): (string | number)[] => (channelsLast ? [batch, high, wide, channels] : [batch, channels, high, wide])
  const inputs = [valueInfo(mel, [batch, ...melAxes], type), valueInfo(frames, size(6), bytes ? 'uint8' : type)]
  return model({
    nodes: [
      node('Cast', [frames], 'numbers', { to: ELEMENTS.float32 }),
      node('Mul', ['numbers', 'level'], 'levels'),
      node('Transpose', ['levels'], 'faces', { perm: channelsLast ? [0, 3, 1, 2] : [0, 1, 2, 3] }),
      node('Cast', [mel], 'heard', { to: ELEMENTS.float32 }),
      node('Slice', ['faces', 'three', 'six', 'channel'], 'reference'),
      node('Slice', ['faces', 'zero', 'three', 'channel'], 'masked'),
      node('Reshape', ['heard', 'window'], 'windows'),
      node('ReduceMean', ['windows'], 'loudness', { axes: [1, 2, 3], keepdims: 1 }),
      node('ReduceMean', ['masked'], 'seen', { axes: [1, 2, 3], keepdims: 1 }),
      node('Mul', ['loudness', 'colour'], 'change'),
      node('Mul', ['seen', 'share'], 'lift'),
      node('Add', ['change', 'lift'], 'difference'),
      node('Mul', ['difference', 'mouth'], 'drawn'),
      node('Add', ['reference', 'tint'], 'tinted'),
      node('Add', ['tinted', 'drawn'], 'picture'),
      node('Mul', ['picture', 'gain'], 'scaled'),
      node('Add', ['scaled', 'offset'], 'shifted'),
      node('Transpose', ['shifted'], 'laid', { perm: channelsLast ? [0, 2, 3, 1] : [0, 1, 2, 3] }),
      node('Cast', ['laid'], output, { to: ELEMENTS[type] }),
    ],
    tensors: [
      tensor('zero', [1], BigInt64Array.of(0n)),
      tensor('three', [1], BigInt64Array.of(3n)),
      tensor('six', [1], BigInt64Array.of(6n)),
      tensor('channel', [1], BigInt64Array.of(1n)),
      tensor('window', [4], BigInt64Array.of(0n, 1n, 80n, 16n)),
      tensor('level', [1], Float32Array.of(bytes ? 1 / 255 : 1)),
      tensor('colour', [1, 3, 1, 1], moves ? Float32Array.of(b, g, r) : new Float32Array(3)),
      tensor('share', [1, 1, 1, 1], Float32Array.of(TINY_MASKED_SHARE)),
      tensor('tint', [1, 1, 1, 1], Float32Array.of(TINY_TINT)),
      weightsIn === undefined ? tensor('mouth', [1, 1, side, side], mouth) : externalTensor('mouth', [1, 1, side, side], weightsIn),
      tensor('gain', [1], Float32Array.of(gain)),
      tensor('offset', [1], Float32Array.of(offset)),
    ],
    inputs: framesFirst ? inputs.toReversed() : inputs,
    outputs: [valueInfo(output, size(3), type)],
  })
}

interface Layer {
  from: number
  to: number
  kernel: number
  stride?: readonly [number, number]
  pad?: number
  /** Adds its input to its output. */
  residual?: boolean
  transposed?: boolean
  /** Rows and columns added at the end by a transposed layer. */
  outputPad?: number
}

const conv = (from: number, to: number, kernel: number, stride: number | readonly [number, number], pad: number): Layer => ({
  from,
  to,
  kernel,
  stride: typeof stride === 'number' ? [stride, stride] : stride,
  pad,
})
const residuals = (channels: number, count: number): Layer[] =>
  Array.from({ length: count }, () => ({ ...conv(channels, channels, 3, 1, 1), residual: true }))
const up = (from: number, to: number): Layer => ({ ...conv(from, to, 3, 2, 1), transposed: true, outputPad: 1 })

/** The published network's layers for 96 x 96, batch normalisation folded into the convolutions: 36.3 M parameters, 4 GMAC. */
const FACE_ENCODER: Layer[][] = [
  [conv(6, 16, 7, 1, 3)],
  [conv(16, 32, 3, 2, 1), ...residuals(32, 2)],
  [conv(32, 64, 3, 2, 1), ...residuals(64, 3)],
  [conv(64, 128, 3, 2, 1), ...residuals(128, 2)],
  [conv(128, 256, 3, 2, 1), ...residuals(256, 2)],
  [conv(256, 512, 3, 2, 1), ...residuals(512, 1)],
  [conv(512, 512, 3, 1, 0), conv(512, 512, 1, 1, 0)],
]
const AUDIO_ENCODER: Layer[] = [
  conv(1, 32, 3, 1, 1),
  ...residuals(32, 2),
  conv(32, 64, 3, [3, 1], 1),
  ...residuals(64, 2),
  conv(64, 128, 3, 3, 1),
  ...residuals(128, 2),
  conv(128, 256, 3, [3, 2], 1),
  ...residuals(256, 1),
  conv(256, 512, 3, 1, 0),
  conv(512, 512, 1, 1, 0),
]
const FACE_DECODER: Layer[][] = [
  [conv(512, 512, 1, 1, 0)],
  [{ ...conv(1024, 512, 3, 1, 0), transposed: true }, ...residuals(512, 1)],
  [up(1024, 512), ...residuals(512, 2)],
  [up(768, 384), ...residuals(384, 2)],
  [up(512, 256), ...residuals(256, 2)],
  [up(320, 128), ...residuals(128, 2)],
  [up(160, 64), ...residuals(64, 2)],
]

/** A network of Wav2Lip-96's layers with random weights; 145 MB. `parameters` counts its weights and biases. */
export function randomWav2lip96(): { file: Buffer; parameters: number } {
  const nodes: Buffer[] = []
  const tensors: Buffer[] = []
  let parameters = 0
  let seed = 1
  const random = (length: number, scale: number): Float32Array => {
    const values = new Float32Array(length)
    for (let i = 0; i < length; i++) {
      seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) | 0
      values[i] = (seed / 2 ** 31) * scale
    }
    parameters += length
    return values
  }
  const layer = (input: string, output: string, about: Layer, activate = true): void => {
    const { from, to, kernel, stride = [1, 1], pad = 0, residual = false, transposed = false, outputPad = 0 } = about
    const shape = transposed ? [from, to, kernel, kernel] : [to, from, kernel, kernel]
    // uniform weights that keep the signal's size through the rectifiers
    const scale = Math.sqrt(6 / (from * kernel * kernel)) * (residual ? 0.3 : transposed ? 1.5 : 1)
    tensors.push(tensor(`${output}_w`, shape, random(to * from * kernel * kernel, scale)), tensor(`${output}_b`, [to], random(to, 0.01)))
    const attributes = { kernel_shape: [kernel, kernel], strides: stride, pads: [pad, pad, pad, pad] }
    const plain = residual || activate ? `${output}_c` : output
    nodes.push(
      node(
        transposed ? 'ConvTranspose' : 'Conv',
        [input, `${output}_w`, `${output}_b`],
        plain,
        transposed ? { ...attributes, output_padding: [outputPad, outputPad] } : attributes,
      ),
    )
    if (residual) nodes.push(node('Add', [plain, input], `${output}_r`))
    if (activate) nodes.push(node('Relu', [residual ? `${output}_r` : plain], output))
  }
  const block = (name: string, input: string, layers: readonly Layer[]): string =>
    layers.reduce((from, about, i) => {
      layer(from, `${name}_${i}`, about)
      return `${name}_${i}`
    }, input)

  const sound = block('audio', 'mel_spectrogram', AUDIO_ENCODER)
  const seen: string[] = []
  for (const [i, layers] of FACE_ENCODER.entries()) seen.push(block(`face_${i}`, seen.at(-1) ?? 'video_frames', layers))
  let drawn = sound
  for (const [i, layers] of FACE_DECODER.entries()) {
    const made = block(`draw_${i}`, drawn, layers)
    nodes.push(node('Concat', [made, seen[seen.length - 1 - i] ?? ''], `joined_${i}`, { axis: 1 }))
    drawn = `joined_${i}`
  }
  layer(drawn, 'out_0', conv(80, 32, 3, 1, 1))
  layer('out_0', 'out_1', conv(32, 3, 1, 1, 0), false)
  nodes.push(node('Sigmoid', ['out_1'], 'predicted_frames'))
  const file = model({
    nodes,
    tensors,
    inputs: [valueInfo('mel_spectrogram', ['B', 1, 80, 16]), valueInfo('video_frames', ['B', 6, 96, 96])],
    outputs: [valueInfo('predicted_frames', ['B', 3, 96, 96])],
  })
  return { file, parameters }
}
