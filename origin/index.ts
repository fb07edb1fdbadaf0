/** The origin's process: reads its configuration, loads what renders and speaks, dials the edge, leaves in order. */
import { randomUUID } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import process from 'node:process'
import { VERSION } from '../shared/version.ts'
import { AudioDecoder, closeDecoders } from './codec/audio.ts'
import { EncoderPool } from './codec/encoder-pool.ts'
import { ControlLink } from './edge/control-link.ts'
import { type Env, readEnv } from './env.ts'
import { createLipSync } from './lipsync/net.ts'
import { mouthFromPhones } from './lipsync/phones.ts'
import { createMouthFromText } from './lipsync/text-mouth.ts'
import { readVadWeights } from './listening/vad.ts'
import { log } from './log.ts'
import { LoadMeter } from './metrics/load-meter.ts'
import { applyProxy } from './net/proxy.ts'
import { createDemoPersona } from './providers/llm/demo-persona.ts'
import { createOpenAiChat } from './providers/llm/openai.ts'
import { chooseStt } from './providers/stt/choose.ts'
import { chooseTts } from './providers/tts/choose.ts'
import { createRenderer } from './render/index.ts'
import type { Renderer } from './render/types.ts'
import { RtcEngine } from './rtc/rtc-engine.ts'
import type { SessionServices } from './session/session-services.ts'
import { TickLoop } from './session/tick-loop.ts'
import { createSpeechPipeline } from './turn/speech-pipeline.ts'
import { GrowthCollector } from './workers/idle-memory.ts'

/** ms after SIGTERM after which the process exits in any case. */
const DRAIN_MS = 2_000
/** An edge on this machine: clients may run here too. */
const LOOPBACK = /^(127\.\d+\.\d+\.\d+|localhost|\[::1\])$/

/** What one process consists of. */
interface Origin {
  env: Env
  renderer: Renderer
  loop: TickLoop
  load: LoadMeter
  services: SessionServices
  /** Ends all threads and child processes. */
  close: () => Promise<void>
}

async function main(): Promise<void> {
  applyProxy(process.env, log)
  const startedMs = performance.now()
  const origin = await build(readEnv(process.env))
  logWhatRuns(origin)
  serve(origin, startedMs)
}

/** Loads the models and starts the threads. @throws Error that names what is missing or wrong */
async function build(env: Env): Promise<Origin> {
  const encoders = new EncoderPool({
    threads: env.ENCODE_THREADS,
    onCrash: (why) => log.error({ why }, 'an encoder thread ended; its streams go on in a new one'),
  })
  const rtc = createRtc(env)
  const [renderer, { tts, pronouncer }, lipSync] = await Promise.all([
    timed(
      'renderer ready',
      createRenderer({
        packsDir: env.AVATARS_DIR,
        device: env.DEVICE,
        intraOpThreads: env.RENDER_THREADS,
        ...(env.CAPACITY ? { capacity: env.CAPACITY } : {}),
        log,
        onProgress: (what, done) => log.debug({ done }, what),
      }),
    ),
    timed('voice ready', chooseTts(env)),
    timed('lip sync ready', createLipSync({ modelPath: env.LIPSYNC_MODEL })),
    timed('WebRTC ready', rtc.warmUp()),
  ])
  const stt = await chooseStt(env)
  const loop = new TickLoop({ renderer, log })
  const load = new LoadMeter({ loop, renderer, encoders })
  const mouthFromText = pronouncer && createMouthFromText(pronouncer)
  const services: SessionServices = {
    tts,
    llm: env.OPENAI_API_KEY
      ? createOpenAiChat({
          apiKey: env.OPENAI_API_KEY,
          baseUrl: env.OPENAI_BASE_URL,
          model: env.OPENAI_MODEL,
          firstTokenTimeoutMs: env.LLM_FIRST_TOKEN_TIMEOUT_S * 1000,
        })
      : createDemoPersona(),
    persona: env.PERSONA,
    pipeline: createSpeechPipeline({ tts, lipSync, mouthFromPhones, mouthFromText }),
    listening: { stt, vad: readVadWeights(env.VAD_MODEL) },
    rtc: { answer: (offer, options) => rtc.answer(offer, options), encoders },
    avatars: renderer,
    openAudio: () => new AudioDecoder(),
    turnRecorder: load,
  }
  const memory = new GrowthCollector({ isBusy: () => loop.sessions.size > 0 })
  const close = async (): Promise<void> => {
    memory.close()
    const closing = [renderer.close(), tts.close(), stt?.close(), pronouncer?.close(), lipSync.close(), encoders.close(), closeDecoders()]
    await Promise.allSettled(closing)
  }
  return { env, renderer, loop, load, services, close }
}

function createRtc(env: Env): RtcEngine {
  return new RtcEngine({
    settings: {
      publicAddresses: env.RTC_PUBLIC_ADDRESS,
      portRange: env.RTC_PORT_RANGE,
      relayOnly: env.RTC_RELAY_ONLY,
      loopback: LOOPBACK.test(new URL(env.EDGE_URL).hostname),
    },
    onSlowStun: () => log.warn('the STUN server does not answer; it is left out for a while. Set RTC_PUBLIC_ADDRESS to need none'),
  })
}

function logWhatRuns({ renderer, services: { tts, llm, listening } }: Origin): void {
  log.info(
    {
      device: renderer.device,
      capacity: renderer.capacity,
      avatars: renderer.avatars.map((avatar) => avatar.avatar_id),
      voice: tts.name,
      chat: llm.name,
      stt: listening.stt?.name ?? 'none',
      model: llm.defaultModel,
    },
    'runs on',
  )
}

/** Connects to the edge and takes sessions, until a signal or the edge's refusal ends the process. */
function serve(origin: Origin, startedMs: number): void {
  const { env, renderer, loop, load, services } = origin
  const edge = new ControlLink({
    edgeUrl: env.EDGE_URL,
    key: env.ORIGIN_KEY,
    about: {
      version: VERSION,
      origin_id: env.ORIGIN_ID,
      boot_id: randomUUID(),
      started_at: Date.now(),
      device: renderer.device,
      avatars: [...renderer.avatars],
      // read at every connect: the account's list may have come later
      get voices() {
        return [...services.tts.voices]
      },
      models: [{ id: services.llm.defaultModel, provider: services.llm.name }],
    },
    loop,
    services,
    load,
    log,
    onWelcome: () => log.info({ elapsed_ms: Math.round(performance.now() - startedMs), edge: env.EDGE_URL }, 'connected to the edge'),
    onRefused: (why) => {
      log.error({ edge: env.EDGE_URL }, `the edge does not take this origin: ${why}; check ORIGIN_KEY and EDGE_URL`)
      process.exitCode = 1
      leave()
    },
  })
  let leaving = false
  const leave = (): void => {
    if (leaving) return
    leaving = true
    void shutDown(origin, edge)
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, leave)
}

/** Ends the sessions, then what they used; the process exits by itself once nothing runs, or after DRAIN_MS. */
async function shutDown({ loop, close }: Origin, edge: ControlLink): Promise<void> {
  edge.drain()
  edge.close()
  loop.stop()
  setTimeout(() => process.exit(), DRAIN_MS).unref()
  await close()
}

async function timed<T>(what: string, work: Promise<T>): Promise<T> {
  const startedMs = performance.now()
  const result = await work
  log.info({ elapsed_ms: Math.round(performance.now() - startedMs) }, what)
  return result
}

main().catch((error: unknown) => {
  log.fatal(error instanceof Error ? { detail: error.message } : {}, 'the origin could not start')
  log.debug({ err: error }, 'where it failed')
  process.exitCode = 1
  // worker threads of parts that did load must not keep the process
  setTimeout(() => process.exit(), 100).unref()
})
