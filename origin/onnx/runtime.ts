/** onnxruntime, for everything that uses it: nothing else imports the package, so that it is never loaded without no-telemetry.ts. */
import './no-telemetry.ts'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import process from 'node:process'

export { env, InferenceSession, listSupportedBackends, Tensor } from 'onnxruntime-node'

/** Where the package keeps its libraries for this platform. */
export function libraryFolder(): string {
  const packageFolder = dirname(createRequire(import.meta.url).resolve('onnxruntime-node/package.json'))
  return join(packageFolder, 'bin', 'napi-v6', process.platform, process.arch)
}
