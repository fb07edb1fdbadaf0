/** Looks at a model file before a pack is made of it. */
import { env, InferenceSession } from '../onnx/runtime.ts'
import { wav2lipSide } from '../render/adapters/wav2lip.ts'

/** Side of the frames that a Wav2Lip graph takes. @throws Error with the file's name when it is none */
export async function inspectWav2lip(file: string): Promise<number> {
  env.logLevel = 'fatal'
  let session: InferenceSession
  try {
    session = await InferenceSession.create(file, { executionProviders: ['cpu'], intraOpNumThreads: 1 })
  } catch (cause) {
    throw new Error(`${file} cannot be loaded as an ONNX model: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  }
  try {
    return wav2lipSide(file, session)
  } finally {
    await session.release()
  }
}
