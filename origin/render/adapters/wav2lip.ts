/**
 * Networks of Wav2Lip's kind, with the names and layouts of their public ONNX exports: the face box of the clip's frame,
 * once with its lower half black and once whole, and 200 ms of mel spectrogram in; the face with its mouth drawn out.
 */
import { type InferenceSession, Tensor } from '../../onnx/runtime.ts'
import { expectOutput } from './tensors.ts'
import type { GraphAdapter, GraphShape } from './types.ts'
import { MEL_BANDS, WINDOW_FRAMES } from './wav2lip-mel.ts'

const MEL = 'mel_spectrogram'
const FRAMES = 'video_frames'
const OUTPUT = 'predicted_frames'
const WINDOW_LENGTH = MEL_BANDS * WINDOW_FRAMES

/** Side S of the frames that a graph takes. @throws Error saying which names and shapes it should have */
export function wav2lipSide(file: string, { inputNames, inputMetadata, outputNames }: InferenceSession): number {
  if (!inputNames.includes(MEL) || !inputNames.includes(FRAMES) || inputNames.length !== 2) {
    throw new Error(`${file} has the inputs [${inputNames.join(', ')}]; a Wav2Lip graph has ${MEL} and ${FRAMES}`)
  }
  if (!outputNames.includes(OUTPUT)) {
    throw new Error(`${file} has the outputs [${outputNames.join(', ')}]; a Wav2Lip graph has ${OUTPUT}`)
  }
  const about = inputMetadata.find(({ name }) => name === FRAMES)
  const [, channels, height, width] = about?.isTensor ? about.shape : []
  if (!about?.isTensor || about.type !== 'float32' || channels !== 6 || typeof width !== 'number' || width !== height || width < 16) {
    const got = about?.isTensor ? `${about.type} [${about.shape.join(', ')}]` : 'no tensor'
    throw new Error(`${file}: ${FRAMES} is ${got}; a Wav2Lip graph takes float32 [B, 6, S, S] with a fixed S, such as 96 or 256`)
  }
  return width
}

export function wav2lipGraph({ file, width, height }: GraphShape): GraphAdapter {
  const plane = width * height
  return {
    rowLength: WINDOW_LENGTH,
    check(session) {
      const side = wav2lipSide(file, session)
      if (side === width && side === height) return
      throw new Error(`${file} takes frames of ${side} x ${side}; the manifest says ${width} x ${height}`)
    },
    feeds({ rows, size, references }) {
      const frames = new Float32Array(size * 6 * plane)
      for (const [i, reference] of references.entries()) fillFrames(frames, i * 6 * plane, reference, width, height)
      return {
        [MEL]: new Tensor('float32', rows, [size, 1, MEL_BANDS, WINDOW_FRAMES]),
        [FRAMES]: new Tensor('float32', frames, [size, 6, height, width]),
      }
    },
    read(results, batch) {
      const faces = expectOutput(file, results, OUTPUT, [batch, 3, height, width])
      return (index, slot) => {
        // BGR planes to RGB
        for (let c = 0; c < 3; c++) {
          const from = (3 * index + 2 - c) * plane
          slot.set(faces.subarray(from, from + plane), c * plane)
        }
      }
    },
  }
}

/** Masked and whole planes of one frame: interleaved RGB bytes to planar BGR 0..1, rows from the middle on black in the first. */
function fillFrames(frames: Float32Array, offset: number, rgb: Uint8Array, width: number, height: number): void {
  const plane = width * height
  const shown = Math.floor(height / 2) * width
  for (let i = 0, at = 0; i < plane; i++, at += 3) {
    const r = (rgb[at] as number) / 255
    const g = (rgb[at + 1] as number) / 255
    const b = (rgb[at + 2] as number) / 255
    const out = offset + i
    if (i < shown) {
      frames[out] = b
      frames[out + plane] = g
      frames[out + 2 * plane] = r
    }
    frames[out + 3 * plane] = b
    frames[out + 4 * plane] = g
    frames[out + 5 * plane] = r
  }
}
