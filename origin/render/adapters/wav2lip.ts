/**
 * Networks of Wav2Lip's kind: the face box of the clip's frame, once with its lower half black and once whole, and 200 ms of mel
 * spectrogram in; the face with its mouth drawn out. Pictures are BGR, 0..1 on the way in (0..255 where the graph takes bytes).
 */
import { halfTensor, Tensor } from '../../onnx/runtime.ts'
import type { GraphAdapter, GraphShape } from './types.ts'
import { type Range, rangeOf, type Wav2lipContract, wav2lipContract } from './wav2lip-contract.ts'
import { MEL_BANDS, WINDOW_FRAMES } from './wav2lip-mel.ts'

const WINDOW_LENGTH = MEL_BANDS * WINDOW_FRAMES

type Numbers = Float32Array | Float16Array | Uint8Array

export function wav2lipGraph({ file, width, height }: GraphShape): GraphAdapter {
  const plane = width * height
  let contract: Wav2lipContract | undefined
  let range: Range | undefined
  return {
    rowLength: WINDOW_LENGTH,
    firstReference: blackAndWhite(width, height),
    check(session) {
      contract = wav2lipContract(file, session)
      const { side = width } = contract.frames
      if (side !== width || side !== height)
        throw new Error(`${file} takes frames of ${side} x ${side}; the manifest says ${width} x ${height}`)
    },
    feeds({ rows, size, references }) {
      const { mel, frames } = checked(contract)
      const planar = frames.channelsLast ? { ofPixel: 6, ofChannel: 1 } : { ofPixel: 1, ofChannel: plane }
      const pixels = numbers(frames.type, size * 6 * plane)
      for (const [i, rgb] of references.entries())
        fillFrames(pixels.subarray(i * 6 * plane, (i + 1) * 6 * plane), rgb, width, height, planar)
      const windows = numbers(mel.type, size * WINDOW_LENGTH)
      if (mel.transposed) for (let i = 0; i < size; i++) transpose(rows, windows, i * WINDOW_LENGTH)
      else windows.set(rows)
      return {
        [mel.name]: tensor(windows, [size, ...mel.dims]),
        [frames.name]: tensor(pixels, [size, ...(frames.channelsLast ? [height, width, 6] : [6, height, width])]),
      }
    },
    read(results, batch) {
      const { data, ofPixel, ofChannel } = picture({ file, results, name: checked(contract).output, batch, width, height })
      range ??= rangeOf(file, ...shownBlackAndWhite(data, width, height, ofPixel))
      const { gain, offset } = range
      return (index, slot) => {
        // BGR to planes of RGB
        for (let c = 0; c < 3; c++) {
          const from = 3 * index * plane + (2 - c) * ofChannel
          for (let i = 0, to = c * plane; i < plane; i++, to++) slot[to] = (data[from + i * ofPixel] as number) * gain + offset
        }
      }
    },
  }
}

/** @throws Error where `check` was not called */
function checked(contract: Wav2lipContract | undefined): Wav2lipContract {
  if (contract === undefined) throw new Error('the graph was not checked')
  return contract
}

function numbers(type: Wav2lipContract['frames']['type'], length: number): Numbers {
  return type === 'float32' ? new Float32Array(length) : type === 'float16' ? new Float16Array(length) : new Uint8Array(length)
}

function tensor(data: Numbers, dims: readonly number[]): Tensor {
  if (data instanceof Float32Array) return new Tensor('float32', data, dims)
  return data instanceof Uint8Array ? new Tensor('uint8', data, dims) : halfTensor(data, dims)
}

/** The output's numbers and how far its pixels and channels lie apart. @throws Error saying what it is instead of a batch of pictures */
function picture(options: {
  file: string
  results: Readonly<Record<string, Tensor>>
  name: string
  batch: number
  width: number
  height: number
}): { data: Numbers; ofPixel: number; ofChannel: number } {
  const { file, results, name, batch, width, height } = options
  const found = results[name]
  const dims = found?.dims.join()
  const planar = [batch, 3, height, width]
  const interleaved = [batch, height, width, 3]
  if (
    found === undefined ||
    !['float32', 'float16', 'uint8'].includes(found.type) ||
    (dims !== planar.join() && dims !== interleaved.join())
  ) {
    const got = found === undefined ? 'nothing' : `${found.type} [${found.dims.join(', ')}]`
    throw new Error(`${file} gives ${name} as ${got}; it should be float32, float16 or uint8 [${planar.join(', ')}]`)
  }
  const data = found.data as Numbers
  return dims === planar.join() ? { data, ofPixel: 1, ofChannel: width * height } : { data, ofPixel: 3, ofChannel: 1 }
}

/** Masked and whole picture of one frame, from interleaved RGB bytes to BGR; rows from the middle on are black in the first. */
function fillFrames(into: Numbers, rgb: Uint8Array, width: number, height: number, at: { ofPixel: number; ofChannel: number }): void {
  const { ofPixel, ofChannel } = at
  const shown = Math.floor(height / 2) * width
  const scale = into instanceof Uint8Array ? 1 : 1 / 255
  for (let i = 0, from = 0; i < width * height; i++) {
    for (let c = 2; c >= 0; c--, from++) {
      const value = (rgb[from] as number) * scale
      const to = i * ofPixel + c * ofChannel
      if (i < shown) into[to] = value
      into[to + 3 * ofChannel] = value
    }
  }
}

/** One window of [80, 16] to [16, 80]. */
function transpose(rows: Float32Array, into: Numbers, at: number): void {
  for (let band = 0; band < MEL_BANDS; band++)
    for (let frame = 0; frame < WINDOW_FRAMES; frame++)
      into[at + frame * MEL_BANDS + band] = rows[at + band * WINDOW_FRAMES + frame] as number
}

/** What a graph is shown first: black on the left, white on the right. */
function blackAndWhite(width: number, height: number): Uint8Array {
  return Uint8Array.from({ length: 3 * width * height }, (_, i) => (Math.floor(i / 3) % width < width / 2 ? 0 : 255))
}

/** Means of a drawing of that, in the middle of each half, above the part that was masked. */
function shownBlackAndWhite(data: Numbers, width: number, height: number, ofPixel: number): [black: number, white: number] {
  const mean = (fromShare: number): number => {
    const [left, right] = [Math.floor(fromShare * width), Math.floor((fromShare + 0.25) * width)]
    let sum = 0
    let count = 0
    for (let y = Math.floor(height / 8); y < Math.floor((3 * height) / 8); y++)
      for (let x = left; x < right; x++, count++) sum += data[(y * width + x) * ofPixel] as number
    return sum / count
  }
  return [mean(0.125), mean(0.625)]
}
