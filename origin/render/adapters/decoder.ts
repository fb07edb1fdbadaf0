/** Our own decoders: face parameters in, the face's patch out. */
import { type InferenceSession, Tensor } from '../../onnx/runtime.ts'
import { expectOutput } from './tensors.ts'
import type { GraphAdapter, GraphShape } from './types.ts'

export function decoderGraph({ file, width, height, inputs }: GraphShape & { inputs: number }): GraphAdapter {
  const length = 3 * width * height
  return {
    rowLength: inputs,
    check({ inputNames }: InferenceSession) {
      if (inputNames.includes('params') && inputNames.length === 1) return
      throw new Error(`${file} has the inputs [${inputNames.join(', ')}]; a decoder has one, named params`)
    },
    feeds: ({ rows, size }) => ({ params: new Tensor('float32', rows, [size, inputs]) }),
    read(results, batch) {
      const patches = expectOutput(file, results, 'patch', [batch, 3, height, width])
      return (index, slot) => slot.set(patches.subarray(index * length, (index + 1) * length))
    },
  }
}

/** The file that a device runs: on an accelerator the one in half precision, where the pack has it; a CPU would only be slower with it. */
export function decoderFile({ file, halfFile }: { file: string; halfFile?: string | undefined }, device: string): string {
  return device === 'cpu' ? file : (halfFile ?? file)
}
