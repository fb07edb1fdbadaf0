/** Worker: turns a clip's frames into JPEGs of every quality, in order, a run at a time. */
import { setPriority } from 'node:os'
import { countFrames, readVideo, type VideoFrame } from '../../codec/video.ts'
import { serveJobs } from '../../workers/serve-jobs.ts'
import { encodeJpeg, jpegBound } from '../compose/jpeg.ts'

export type ClipJob = { kind: 'check'; file: string; frames: number } | FramesJob
interface FramesJob {
  kind: 'frames'
  file: string
  /** Side of the clip that the manifest promises. */
  size: number
  /** First frame wanted, and how many. */
  from: number
  count: number
  outputs: { size: number; jpegQuality: number }[]
  /** Gives way to speech: for what is needed later. */
  background: boolean
}
/** Per frame one JPEG per output, in shared memory; nothing for a check, which only throws. */
export type ClipResult = Uint8Array[][]

interface Pass {
  file: string
  next: number
  frames: Generator<VideoFrame, void, undefined>
}

/** Priority of background work (nice value of this thread alone; Linux gives every thread its own). */
const BACKGROUND_NICE = 5

await serveJobs<ClipJob, ClipResult>(async () => {
  const passes = new Map<string, Pass>()
  const outputs = new Map<number, Buffer>()
  const scratch = (size: number): Buffer => {
    const output = outputs.get(size) ?? Buffer.alloc(jpegBound(size))
    outputs.set(size, output)
    return output
  }
  let inBackground = false
  return (job) => {
    if (job.kind === 'check') {
      const found = countFrames(job.file)
      if (found !== job.frames) throw new Error(`${job.file} has ${found} frames, the manifest says ${job.frames}`)
      return { result: [] }
    }
    if (job.background && !inBackground) {
      inBackground = true
      if (process.platform === 'linux') setPriority(0, BACKGROUND_NICE)
    }
    let pass = passes.get(job.file)
    if (pass === undefined || pass.next > job.from) {
      pass?.frames.return()
      pass = { file: job.file, next: 0, frames: readVideo(job.file) }
      passes.set(job.file, pass)
    }
    const made: ClipResult = []
    while (pass.next < job.from + job.count) {
      const step = pass.frames.next()
      if (step.done) throw new Error(`${job.file} ends before frame ${pass.next}`)
      const frame = step.value
      if (frame.width !== job.size || frame.height !== job.size) {
        throw new Error(`${job.file} is ${frame.width} x ${frame.height}, the manifest says ${job.size} x ${job.size}`)
      }
      if (pass.next >= job.from)
        made.push(job.outputs.map(({ size, jpegQuality }) => compress({ rgb: frame.rgb(size), size, jpegQuality, out: scratch(size) })))
      pass.next++
    }
    return { result: made }
  }
})

function compress({ rgb, size, jpegQuality, out }: { rgb: Buffer; size: number; jpegQuality: number; out: Buffer }): Uint8Array {
  const jpeg = encodeJpeg(rgb, size, jpegQuality, out)
  const shared = new Uint8Array(new SharedArrayBuffer(jpeg.length))
  shared.set(jpeg)
  return shared
}
