/** What the adapters' graph sides have in common. */
import type { Tensor } from '../../onnx/runtime.ts'

/** @throws Error naming the file, what it gives and what the manifest promises */
export function expectOutput(
  file: string,
  results: Readonly<Record<string, Tensor>>,
  name: string,
  shape: readonly number[],
): Float32Array {
  const tensor = results[name]
  if (tensor !== undefined && tensor.type === 'float32' && tensor.dims.join() === shape.join()) return tensor.data as Float32Array
  const got = tensor === undefined ? `no output named ${name}` : `${name} ${tensor.type} [${tensor.dims.join(', ')}]`
  throw new Error(`${file} gives ${got}; the manifest says float32 [${shape.join(', ')}]`)
}
