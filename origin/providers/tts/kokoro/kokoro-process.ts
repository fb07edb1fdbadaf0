/** The process that the network runs in: what it frees goes back to the system, and a fault in it ends no session. */
import process from 'node:process'
import { serveJobs } from '../../../workers/serve-jobs.ts'
import { KokoroNetwork, type Spoken, type VoiceJob } from './network.ts'

await serveJobs<VoiceJob, Spoken>(async () => {
  const network = await KokoroNetwork.load(Number(process.env.THREADS ?? 1))
  return async (job) => ({ result: await network.speak(job) })
})
