/**
 * onnxruntime reports to its maker unless this variable is in the process's environment when its first session is made. Only the
 * main thread can put it there: a worker thread has a copy of the environment, which native code does not see. So whoever starts
 * a worker that loads onnxruntime imports this module, and so does the module that loads it (runtime.ts), which refuses to go on
 * in a thread whose process was not told.
 */
import process from 'node:process'
import { isMainThread } from 'node:worker_threads'

const VARIABLE = 'ORT_DISABLE_TELEMETRY'

if (isMainThread) process.env[VARIABLE] = '1'
else if (process.env[VARIABLE] !== '1') {
  throw new Error('onnxruntime would report to its maker: the module that starts this worker must import origin/onnx/no-telemetry.ts')
}
