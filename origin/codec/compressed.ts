/** Compressed sound, decoded as it comes, in a process of its own. Every stream keeps its decoder there until its end. */
import { AvatarError } from '../../shared/errors.ts'
import { MAX_AUDIO_BUFFER_MS, SAMPLE_RATE } from '../../shared/media.ts'
import { log } from '../log.ts'
import { processWorker } from '../workers/job-worker.ts'
import { JobError, WorkerClient } from '../workers/worker-client.ts'
import { audioFailure, tooLong } from './audio-failures.ts'
import type { Decoded, DecodeJob } from './decoder-process.ts'
import { mp4Layout } from './mp4-boxes.ts'
import type { Container } from './sniff.ts'

/** ms for one push; a minute of Opus takes 0.3 s on a free core. */
const PUSH_TIMEOUT_MS = 10_000
const MAX_QUEUED_PUSHES = 256
/** ms after which an idle decoder process is ended. */
const IDLE_MS = 60_000
/** A decoder process grows by about 60 KB with every stream: after so many the next ones get another process. */
const STREAMS_PER_PROCESS = 500
/** Streams that are open in one process: each keeps a thread, which waits for bytes. */
const MAX_OPEN_STREAMS = 48
/** More than they have: a few are for streams that work. */
const PROCESS_THREADS = MAX_OPEN_STREAMS + 16
const MAX_PROCESSES = 4
/** Of one push; with what encoders pad. */
const MAX_SAMPLES = (MAX_AUDIO_BUFFER_MS / 1000 + 0.2) * SAMPLE_RATE
/** Share of damaged packets from which sound is refused; single bad ones are usual at the cut edges of MP3. */
const MAX_DAMAGED_SHARE = 0.1
/** Bytes without any sound after which a stream is refused: pictures of the cover and of a film come before it. */
const MAX_SILENT_BYTES = 8 * 1024 * 1024
/** Bytes of a file that can only be read once it is complete. */
const MAX_WHOLE_BYTES = 32 * 1024 * 1024

interface DecoderProcess {
  readonly client: WorkerClient<DecodeJob, Decoded>
  /** Streams of its life. */
  opened: number
  /** Streams that are open. */
  readonly streams: Set<number>
  /** It ended by itself: its streams cannot go on. */
  crashed: boolean
  idle: NodeJS.Timeout | undefined
}

let processes: DecoderProcess[] = []
let nextStream = 1

function openProcess(): DecoderProcess {
  const made: DecoderProcess = {
    opened: 0,
    streams: new Set(),
    crashed: false,
    idle: undefined,
    client: new WorkerClient<DecodeJob, Decoded>({
      name: 'decoder',
      spawn: () => processWorker(new URL('./decoder-process.ts', import.meta.url), { UV_THREADPOOL_SIZE: String(PROCESS_THREADS) }),
      maxPending: 1,
      maxQueued: MAX_QUEUED_PUSHES,
      timeoutMs: PUSH_TIMEOUT_MS,
      onCrash: ({ message }) => {
        log.error({ why: message, streams: made.streams.size }, 'a decoder process ended; the next sound starts a new one')
        // none of them may go on in another process from the middle
        made.crashed = true
        retire(made)
      },
    }),
  }
  processes.push(made)
  return made
}

function retire(old: DecoderProcess): void {
  clearTimeout(old.idle)
  processes = processes.filter((one) => one !== old)
  void old.client.close()
}

function findProcess(): DecoderProcess {
  const free = processes.find(({ opened, streams }) => opened < STREAMS_PER_PROCESS && streams.size < MAX_OPEN_STREAMS)
  if (free) {
    clearTimeout(free.idle)
    return free
  }
  if (processes.length < MAX_PROCESSES) return openProcess()
  throw busy()
}

/** One of its streams is over. */
function release(one: DecoderProcess, stream: number): void {
  one.streams.delete(stream)
  if (one.streams.size > 0 || one.crashed) return
  if (one.opened >= STREAMS_PER_PROCESS) retire(one)
  else one.idle = setTimeout(() => retire(one), IDLE_MS).unref()
}

function busy(cause?: unknown): AvatarError {
  const message = 'Too much sound is being decoded at once; try again in a moment.'
  return new AvatarError('CAPACITY_EXCEEDED', message, {}, cause ? { cause } : {})
}

/** Ends the decoder processes; sound that waits is refused. */
export async function closeDecoders(): Promise<void> {
  const all = processes
  processes = []
  for (const { idle } of all) clearTimeout(idle)
  await Promise.all(all.map(({ client }) => client.close()))
}

export class CompressedStream {
  readonly container: Container
  readonly #process: DecoderProcess
  readonly #stream = nextStream++
  /** Sound came of it. */
  sounds = false
  #silentBytes = 0
  /** Bytes that wait until the file's layout is known, or until it is complete. */
  #held: Uint8Array[] = []
  #heldBytes = 0
  #seekable: boolean | undefined
  #ended: Decoded['ended']
  #closed = false
  /** The process has a decoder of it. */
  #running = false

  /** @throws AvatarError `CAPACITY_EXCEEDED` */
  constructor(container: Container) {
    this.container = container
    if (container !== 'mp4') this.#seekable = false
    this.#process = findProcess()
    this.#process.opened += 1
    this.#process.streams.add(this.#stream)
  }

  /** What is complete with these bytes, at SAMPLE_RATE. @param last there are no more @throws AvatarError, after which it is closed */
  async push(bytes: Uint8Array, last: boolean): Promise<Int16Array> {
    try {
      return await this.#push(bytes, last)
    } catch (thrown) {
      this.close()
      throw thrown
    }
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#held = []
    const over = this.#running ? this.#process.client.run({ kind: 'close', stream: this.#stream }) : Promise.resolve()
    void over.catch(() => undefined).then(() => release(this.#process, this.#stream))
  }

  async #push(bytes: Uint8Array, last: boolean): Promise<Int16Array> {
    if (this.#closed) throw this.#failure('cannot be decoded', { reason: 'its beginning was refused' })
    if (this.#ended === 'broken' && bytes.length > 0) throw this.#failure('is damaged')
    const ready = this.#ended ? undefined : this.#order(bytes, last)
    if (!ready) {
      if (last) this.close()
      return new Int16Array(0)
    }
    const { pcm, codec, packets, damaged, ended } = await this.#run(ready, last || this.#seekable === true)
    this.#ended = ended
    if (pcm.length > MAX_SAMPLES) throw tooLong()
    this.sounds ||= pcm.length > 0
    this.#silentBytes = pcm.length > 0 ? 0 : this.#silentBytes + bytes.length
    const unusable = damaged > Math.max(1, packets * MAX_DAMAGED_SHARE) || (ended && !this.sounds) || this.#silentBytes > MAX_SILENT_BYTES
    if (unusable) throw this.#failure('is damaged', { codec, packets, damaged_packets: damaged })
    if (last) this.close()
    return pcm
  }

  /** Bytes for the demuxer. An MP4 whose index stands at its end (a phone's recording) is read once that is there. */
  #order(bytes: Uint8Array, last: boolean): Uint8Array | undefined {
    if (this.#seekable === false) return bytes
    this.#held.push(bytes)
    this.#heldBytes += bytes.length
    if (this.#heldBytes > MAX_WHOLE_BYTES) throw this.#failure(`has its index at its end, beyond ${MAX_WHOLE_BYTES} bytes`)
    const whole = Buffer.concat(this.#held)
    const layout = mp4Layout(whole)
    this.#held = [whole]
    if (!last && (layout === 'unknown' || layout === 'index-last')) return undefined
    this.#seekable = layout !== 'index-first'
    this.#held = []
    return whole
  }

  async #run(bytes: Uint8Array, last: boolean): Promise<Decoded> {
    const seekable = this.#seekable === true
    const { client } = this.#process
    this.#running = false
    try {
      const decoded = await client.run({
        kind: 'push',
        stream: this.#stream,
        bytes,
        last,
        container: this.container,
        seekable,
        toHz: SAMPLE_RATE,
        maxSamples: MAX_SAMPLES,
      })
      this.#running = !last
      return decoded
    } catch (thrown) {
      if (!(thrown instanceof JobError)) throw thrown
      if (this.#process.crashed) {
        throw this.#failure('its decoder broke off; send it from its beginning', { reason: thrown.message }, thrown)
      }
      this.#running = thrown.kind === 'busy'
      if (thrown.kind === 'busy' || thrown.kind === 'closed') throw busy(thrown)
      throw this.#failure('cannot be decoded', { reason: thrown.message }, thrown)
    }
  }

  #failure(what: string, details: Record<string, unknown> = {}, cause?: unknown): AvatarError {
    return audioFailure(`it looks like ${this.container} but ${what}`, { container: this.container, ...details }, cause)
  }
}
