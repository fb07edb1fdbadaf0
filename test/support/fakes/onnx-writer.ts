/** Writes ONNX files (IR 8, opset 13; fields as in onnx.proto3): enough for the graphs that tests and benches make by code. */

export type Attribute = number | readonly number[]

/** @param attributes whole numbers or lists of them */
export function node(op: string, inputs: readonly string[], output: string, attributes: Readonly<Record<string, Attribute>> = {}): Buffer {
  const written = Object.entries(attributes).map(([name, value]) =>
    bytes(
      5,
      typeof value === 'number'
        ? Buffer.concat([text(1, name), number(3, value), number(20, 2)])
        : Buffer.concat([text(1, name), ...value.map((one) => number(8, one)), number(20, 7)]),
    ),
  )
  return Buffer.concat([...inputs.map((input) => text(1, input)), text(2, output), text(3, output), text(4, op), ...written])
}

export function tensor(name: string, dims: readonly number[], data: Float32Array | BigInt64Array): Buffer {
  const raw = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
  const type = data instanceof Float32Array ? 1 : 7
  return Buffer.concat([...dims.map((dim) => number(1, dim)), number(2, type), text(8, name), bytes(9, raw)])
}

/** A float32 tensor whose numbers are in another file. */
export function externalTensor(name: string, dims: readonly number[], location: string): Buffer {
  const place = bytes(13, Buffer.concat([text(1, 'location'), text(2, location)]))
  return Buffer.concat([...dims.map((dim) => number(1, dim)), number(2, ELEMENTS.float32), text(8, name), place, number(14, 1)])
}

/** Element types by their numbers in onnx.proto3. */
export const ELEMENTS = { float32: 1, uint8: 2, int64: 7, float16: 10 } as const

/** An input or output; a name for a dimension leaves it open. */
export function valueInfo(name: string, dims: readonly (number | string)[], type: keyof typeof ELEMENTS = 'float32'): Buffer {
  const shape = Buffer.concat(dims.map((dim) => bytes(1, typeof dim === 'number' ? number(1, dim) : text(2, dim))))
  return Buffer.concat([text(1, name), bytes(2, bytes(1, Buffer.concat([number(1, ELEMENTS[type]), bytes(2, shape)])))])
}

export interface Graph {
  nodes: readonly Buffer[]
  tensors: readonly Buffer[]
  inputs: readonly Buffer[]
  outputs: readonly Buffer[]
}

export function model({ nodes, tensors, inputs, outputs }: Graph): Buffer {
  const graph = Buffer.concat([
    ...nodes.map((one) => bytes(1, one)),
    text(2, 'graph'),
    ...tensors.map((one) => bytes(5, one)),
    ...inputs.map((one) => bytes(11, one)),
    ...outputs.map((one) => bytes(12, one)),
  ])
  return Buffer.concat([number(1, 8), bytes(8, number(2, 13)), bytes(7, graph)])
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
