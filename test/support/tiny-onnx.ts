/** Writes a decoder of a few hundred bytes with the true names and shapes (ONNX IR 8, opset 13; fields as in onnx.proto3). */

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
  const graph = Buffer.concat([
    bytes(1, node('MatMul', [inputName, 'weights'], 'colour')),
    bytes(1, node('Unsqueeze', ['colour', 'axes'], 'flat')),
    bytes(1, node('Add', ['flat', 'along_x'], 'sloped')),
    bytes(1, node('Add', ['sloped', 'along_y'], 'patch')),
    text(2, 'tiny'),
    bytes(5, tensor('weights', [inputs, 3], 1, weights)),
    bytes(5, tensor('axes', [2], 7, new BigInt64Array([2n, 3n]))),
    bytes(5, tensor('along_x', [1, 3, 1, width], 1, alongX)),
    bytes(5, tensor('along_y', [1, 1, height, 1], 1, alongY)),
    bytes(11, valueInfo(inputName, ['B', inputs])),
    bytes(12, valueInfo('patch', ['B', 3, height, width])),
  ])
  return Buffer.concat([number(1, 8), bytes(8, number(2, 13)), bytes(7, graph)])
}

function node(op: string, inputs: string[], output: string): Buffer {
  return Buffer.concat([...inputs.map((input) => text(1, input)), text(2, output), text(3, output), text(4, op)])
}

function tensor(name: string, dims: number[], type: number, data: Float32Array | BigInt64Array): Buffer {
  const raw = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
  return Buffer.concat([...dims.map((dim) => number(1, dim)), number(2, type), text(8, name), bytes(9, raw)])
}

function valueInfo(name: string, dims: (number | string)[]): Buffer {
  const shape = Buffer.concat(dims.map((dim) => bytes(1, typeof dim === 'number' ? number(1, dim) : text(2, dim))))
  return Buffer.concat([text(1, name), bytes(2, bytes(1, Buffer.concat([number(1, 1), bytes(2, shape)])))])
}

function varint(value: number): Buffer {
  const out: number[] = []
  let rest = value
  for (; rest > 127; rest = Math.floor(rest / 128)) out.push((rest % 128) | 128)
  out.push(rest)
  return Buffer.from(out)
}

function number(field: number, value: number): Buffer {
  return Buffer.concat([varint(field * 8), varint(value)])
}

function bytes(field: number, body: Buffer): Buffer {
  return Buffer.concat([varint(field * 8 + 2), varint(body.length), body])
}

function text(field: number, value: string): Buffer {
  return bytes(field, Buffer.from(value, 'utf8'))
}
