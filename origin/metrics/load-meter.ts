/** Measures the load of this process and its machine, for heartbeats. */
import { availableParallelism, cpus, freemem, totalmem } from 'node:os'
import process from 'node:process'
import type { OriginLoad } from '../../shared/link.ts'
import type { TurnLedger } from '../../shared/stats.ts'
import type { EncoderPool } from '../codec/encoder-pool.ts'
import type { Renderer } from '../render/types.ts'
import type { TickLoop } from '../session/tick-loop.ts'
import { rtcLoad } from './rtc-load.ts'
import { TurnHistograms } from './turn-histograms.ts'

/** Requests over which the mean latency is taken. */
const LATENCIES = 100

export class LoadMeter {
  readonly #loop: TickLoop
  readonly #renderer: Renderer
  readonly #encoders: EncoderPool
  #latencies: number[] = []
  #cpu = cpuTimes()
  readonly #turns = new TurnHistograms()

  constructor({ loop, renderer, encoders }: { loop: TickLoop; renderer: Renderer; encoders: EncoderPool }) {
    this.#loop = loop
    this.#renderer = renderer
    this.#encoders = encoders
  }

  /** Speaking sessions that this machine carries. */
  get capacity(): number {
    return this.#renderer.capacity
  }

  /** @param ms from a request to its first sound */
  addLatency(ms: number): void {
    this.#latencies.push(ms)
    if (this.#latencies.length > LATENCIES) this.#latencies.shift()
  }

  /** What a turn took. */
  addTurn(ledger: TurnLedger): void {
    this.#turns.add(ledger)
  }

  /** The load since the last call. */
  read(): OriginLoad {
    const now = cpuTimes()
    const total = now.total - this.#cpu.total
    const cpuUsage = total > 0 ? 100 * (1 - (now.idle - this.#cpu.idle) / total) : 0
    this.#cpu = now
    const sessions = [...this.#loop.sessions.values()]
    return {
      sessions: sessions.length,
      speaking: sessions.filter((session) => session.speech.speaking).length,
      capacity: this.#renderer.capacity,
      cpu_usage: round(cpuUsage),
      memory_usage: round(100 * (1 - freemem() / totalmem())),
      gpu_usage: null,
      rss_bytes: process.memoryUsage.rss(),
      average_latency: this.#latencies.length > 0 ? round(this.#latencies.reduce((a, b) => a + b, 0) / this.#latencies.length) : null,
      render: {
        ...this.#renderer.stats(),
        ...this.#loop.stats(),
        ...rtcLoad(sessions, this.#encoders),
        cores: availableParallelism(),
      },
      turns: this.#turns.read(),
    }
  }
}

function cpuTimes(): { idle: number; total: number } {
  let idle = 0
  let total = 0
  for (const { times } of cpus()) {
    idle += times.idle
    total += times.user + times.nice + times.sys + times.irq + times.idle
  }
  return { idle, total }
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}
