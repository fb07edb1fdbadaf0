/** onnxruntime, for everything that uses it: nothing else imports the package, so that it is never loaded without no-telemetry.ts. */
import './no-telemetry.ts'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import process from 'node:process'

import { Tensor } from 'onnxruntime-node'

export { env, InferenceSession, listSupportedBackends, Tensor } from 'onnxruntime-node'

/** Where the package keeps its libraries for this platform. */
export function libraryFolder(): string {
  const packageFolder = dirname(createRequire(import.meta.url).resolve('onnxruntime-node/package.json'))
  return join(packageFolder, 'bin', 'napi-v6', process.platform, process.arch)
}

/** A tensor of half precision: the package makes it of a Float16Array, but its native part reads its bits from a Uint16Array only. */
export function halfTensor(data: Float16Array, dims: readonly number[]): Tensor {
  const bits = new Uint16Array(data.buffer, data.byteOffset, data.length)
  return Object.defineProperty(new Tensor('float16', bits, dims), 'data', { value: bits })
}
