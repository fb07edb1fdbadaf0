/** A decoder of a few hundred bytes with the true names and shapes. */
import { model, node, tensor, valueInfo } from './onnx-writer.ts'

export interface TinyDecoder {
  inputs: number
  width: number
  height: number
  /** [inputs, 3]: what one unit of an input adds to red, green and blue. */
  weights: Float32Array
  /** [3, width]: added along x. */
  alongX: Float32Array
  /** [height]: added along y. */
  alongY: Float32Array
  /** @default 'params' */
  inputName?: string
}

/** patch[c, y, x] = sum(params * weights[:, c]) + alongX[c, x] + alongY[y] */
export function tinyDecoder({ inputs, width, height, weights, alongX, alongY, inputName = 'params' }: TinyDecoder): Buffer {
  return model({
    nodes: [
      node('MatMul', [inputName, 'weights'], 'colour'),
      node('Unsqueeze', ['colour', 'axes'], 'flat'),
      node('Add', ['flat', 'along_x'], 'sloped'),
      node('Add', ['sloped', 'along_y'], 'patch'),
    ],
    tensors: [
      tensor('weights', [inputs, 3], weights),
      tensor('axes', [2], new BigInt64Array([2n, 3n])),
      tensor('along_x', [1, 3, 1, width], alongX),
      tensor('along_y', [1, 1, height, 1], alongY),
    ],
    inputs: [valueInfo(inputName, ['B', inputs])],
    outputs: [valueInfo('patch', ['B', 3, height, width])],
  })
}
