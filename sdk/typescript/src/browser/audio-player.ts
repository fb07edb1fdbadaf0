/** Gapless play-out of PCM by its timestamps, with Web Audio. */

/** ms in which sound fades out when it is cut off. */
const FADE_MS = 25
/** A piece that continues the one before within this much is joined to it sample by sample, ms. */
const JOIN_MS = 30
/** Earliest start from now, ms: what is scheduled in the past is cut off at its beginning. */
const LEAD_MS = 5
/** Longest sound that may wait to be played, ms. */
const MAX_AHEAD_MS = 8_000

export interface SoundPiece {
  pcm: Uint8Array<ArrayBuffer>
  sampleRate: number
  /** Server time of its first sample, ms. */
  timestampMs: number
  /** `performance.now()` at which its first sample is due. */
  dueMs: number
}

/** Joined pieces that sound without a gap. */
interface Run {
  /** Server time of the first sample, ms, and the context's time at which it sounds, s. */
  timestampMs: number
  startS: number
  /** Server time and context time at which the last piece ends. */
  endTimestampMs: number
  endS: number
}

export class Sound {
  #context: AudioContext | undefined
  #volume: GainNode | undefined
  /** What plays now; replaced when it is cut off, so that the fade touches nothing that comes later. */
  #bus: GainNode | undefined
  #sources = new Set<AudioBufferSourceNode>()
  #runs: Run[] = []
  #muted = false
  /** Pieces that came too late to be joined without a gap. */
  underruns = 0

  /** Whether sound can be heard now; browsers allow it after a gesture of the user. */
  get running(): boolean {
    return this.#context?.state === 'running'
  }

  get muted(): boolean {
    return this.#muted
  }

  set muted(muted: boolean) {
    this.#muted = muted
    if (this.#context) this.#volume?.gain.setTargetAtTime(muted ? 0 : 1, this.#context.currentTime, 0.015)
  }

  /** Asks the browser for sound; call it in a gesture. */
  async start(): Promise<boolean> {
    const context = this.#open()
    if (context.state !== 'running') {
      // stays pending until a gesture in some browsers; the state is looked at instead of the outcome
      void context.resume().catch(() => undefined)
      await new Promise((resolve) => setTimeout(resolve, 0))
    }
    return this.running
  }

  onStateChange(handler: () => void): void {
    this.#open().addEventListener('statechange', handler)
  }

  /** False when it could not be played: no gesture yet, or far too much is waiting. */
  play({ pcm, sampleRate, timestampMs, dueMs }: SoundPiece): boolean {
    const context = this.#context
    const samples = Math.floor(pcm.byteLength / 2)
    if (!context || !this.running || samples === 0) return false
    const durationS = samples / sampleRate
    const last = this.#runs.at(-1)
    const joins = last && Math.abs(timestampMs - last.endTimestampMs) <= JOIN_MS && last.endS >= context.currentTime
    if (last && !joins && Math.abs(timestampMs - last.endTimestampMs) <= JOIN_MS) this.underruns++
    const earliestS = context.currentTime + LEAD_MS / 1000
    const startS = joins ? last.endS : Math.max(earliestS, this.#contextTimeAt(dueMs), last?.endS ?? 0)
    if (startS - context.currentTime > MAX_AHEAD_MS / 1000) return false
    this.#schedule(context, pcm, samples, sampleRate, startS)
    const endTimestampMs = timestampMs + durationS * 1000
    const endS = startS + durationS
    if (joins) Object.assign(last, { endTimestampMs, endS })
    else this.#runs.push({ timestampMs, startS, endTimestampMs, endS })
    return true
  }

  /** Server time of what is heard now, ms; before waiting sound, the time that leads up to it; undefined while there is none. */
  get heardTimestampMs(): number | undefined {
    const context = this.#context
    if (!context || !this.running) return undefined
    const heardS = heardTime(context)
    while (this.#runs[0] && this.#runs[0].endS + 0.2 < heardS) this.#runs.shift()
    const run = this.#runs.find(({ endS }) => heardS < endS)
    return run && run.timestampMs + (heardS - run.startS) * 1000
  }

  /** ms between scheduling a sample for now and hearing it. */
  get outputLatencyMs(): number {
    return this.#context && this.running ? (this.#context.currentTime - heardTime(this.#context)) * 1000 : 0
  }

  /** Fades out what plays and forgets what waits. */
  flush(): void {
    const context = this.#context
    if (!context || this.#runs.length === 0) return
    const endS = context.currentTime + FADE_MS / 1000
    this.#bus?.gain.setValueAtTime(1, context.currentTime)
    this.#bus?.gain.linearRampToValueAtTime(0, endS)
    for (const source of this.#sources) source.stop(endS + 0.005)
    this.#sources.clear()
    this.#runs = []
    this.#bus = this.#newBus(context)
  }

  close(): void {
    this.flush()
    const context = this.#context
    this.#context = undefined
    // closing twice, or while it opens, is of no consequence
    setTimeout(() => void context?.close().catch(() => undefined), FADE_MS * 2)
  }

  #open(): AudioContext {
    if (this.#context) return this.#context
    const context = new AudioContext({ latencyHint: 'interactive' })
    this.#context = context
    this.#volume = new GainNode(context, { gain: this.#muted ? 0 : 1 })
    this.#volume.connect(context.destination)
    this.#bus = this.#newBus(context)
    return context
  }

  #newBus(context: AudioContext): GainNode {
    const bus = new GainNode(context)
    if (this.#volume) bus.connect(this.#volume)
    return bus
  }

  #schedule(context: AudioContext, pcm: Uint8Array<ArrayBuffer>, samples: number, sampleRate: number, startS: number): void {
    const buffer = context.createBuffer(1, samples, sampleRate)
    const channel = buffer.getChannelData(0)
    const view = new DataView(pcm.buffer, pcm.byteOffset, samples * 2)
    for (let i = 0; i < samples; i++) channel[i] = view.getInt16(i * 2, true) / 32_768
    const source = new AudioBufferSourceNode(context, { buffer })
    if (this.#bus) source.connect(this.#bus)
    source.start(startS)
    this.#sources.add(source)
    source.addEventListener('ended', () => {
      this.#sources.delete(source)
      source.disconnect()
    })
  }

  /** The context's time at which a sample is to start so that it is heard at `performance.now() === ms`. */
  #contextTimeAt(ms: number): number {
    const context = this.#context
    return context ? context.currentTime + (ms - performance.now()) / 1000 : 0
  }
}

/** The context's time of the sample that leaves the loudspeaker now, s. */
function heardTime(context: AudioContext): number {
  const { contextTime = 0, performanceTime = 0 } = context.getOutputTimestamp?.() ?? {}
  if (contextTime > 0 && performanceTime > 0) {
    const heardS = contextTime + (performance.now() - performanceTime) / 1000
    // some drivers answer nonsense: then the context's own word counts
    if (heardS <= context.currentTime + 0.05 && heardS > context.currentTime - 0.5) return heardS
  }
  return context.currentTime - (context.outputLatency || context.baseLatency || 0)
}
