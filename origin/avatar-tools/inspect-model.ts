/** Looks at a model file before a pack is made of it. */
import { readFile } from 'node:fs/promises'
import { env, InferenceSession } from '../onnx/runtime.ts'
import { firstRun } from '../render/adapters/first-run.ts'
import { wav2lipGraph } from '../render/adapters/wav2lip.ts'
import { wav2lipContract } from '../render/adapters/wav2lip-contract.ts'

/** Sides of known networks, pixels: tried where a file leaves it open. */
const SIDES = [96, 256, 192, 288, 384, 512]

/** Side of the frames that a Wav2Lip graph takes, once it ran. @throws Error in one line with the file's name when it is none */
export async function inspectWav2lip(file: string): Promise<number> {
  env.logLevel = 'fatal'
  let session: InferenceSession
  try {
    // of its bytes alone: a pack takes this file and no other
    session = await InferenceSession.create(await readFile(file), { executionProviders: ['cpu'], intraOpNumThreads: 1 })
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause)
    if (/external data|model_path must not be empty/i.test(message)) {
      throw new Error(`${file} keeps its weights in another file; save it as one: onnx.save(onnx.load("in.onnx"), "one.onnx") in Python`, {
        cause,
      })
    }
    throw new Error(`${file} cannot be loaded as an ONNX model: ${message}`, { cause })
  }
  try {
    const { side } = wav2lipContract(file, session).frames
    return side === undefined ? await triedSide(file, session) : await run(file, session, side)
  } finally {
    await session.release()
  }
}

/** Runs once with frames of this side. */
async function run(file: string, session: InferenceSession, side: number): Promise<number> {
  const adapter = wav2lipGraph({ file, width: side, height: side })
  adapter.check(session)
  await firstRun(file, adapter, session)
  return side
}

async function triedSide(file: string, session: InferenceSession): Promise<number> {
  let last: unknown
  for (const side of SIDES) {
    try {
      return await run(file, session, side)
    } catch (error) {
      last = error
    }
  }
  throw new Error(`${file} runs with none of the sides ${SIDES.join(', ')}: ${last instanceof Error ? last.message : String(last)}`)
}
