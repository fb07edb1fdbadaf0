/** The origin's process: reads its configuration, loads what renders and speaks, dials the edge, leaves in order. */
import { randomUUID } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import process from 'node:process'
import { VERSION } from '../shared/version.ts'
import { closeDecoder, decodeAudioData } from './codec/audio.ts'
import { EncoderPool } from './codec/encoder-pool.ts'
import { EdgeLink } from './edge/control-link.ts'
import { readEnv } from './env.ts'
import { createLipSync } from './lipsync/net.ts'
import { mouthFromPhones } from './lipsync/phones.ts'
import { createMouthFromText } from './lipsync/text-mouth.ts'
import { readVadWeights } from './listening/vad.ts'
import { log } from './log.ts'
import { LoadMeter } from './metrics/load-meter.ts'
import { applyProxy } from './net/proxy.ts'
import { createDemoPersona } from './providers/llm/demo-persona.ts'
import { createOpenAiChat } from './providers/llm/openai.ts'
import { chooseTranscription } from './providers/stt/choose.ts'
import { chooseVoice } from './providers/tts/choose.ts'
import { createRenderer } from './render/index.ts'
import { RtcEngine } from './rtc/rtc-engine.ts'
import { SessionParts } from './session/session-services.ts'
import { Host } from './session/tick-loop.ts'

/** ms that sessions have to come to an end after SIGTERM. */
const DRAIN_MS = 2_000
/** An edge on this machine: clients may be here too. */
const LOOPBACK = /^(127\.\d+\.\d+\.\d+|localhost|\[::1\])$/

async function timed<T>(what: string, work: Promise<T>): Promise<T> {
  const startedMs = performance.now()
  const result = await work
  log.info({ elapsed_ms: Math.round(performance.now() - startedMs) }, what)
  return result
}

async function main(): Promise<void> {
  const env = readEnv(process.env)
  applyProxy(process.env, log)
  const startedMs = performance.now()
  const encoders = new EncoderPool({
    threads: env.ENCODE_THREADS,
    onCrash: (why) => log.error({ why }, 'an encoder thread ended; its streams go on in a new one'),
  })
  const rtc = new RtcEngine({
    settings: {
      publicAddresses: env.RTC_PUBLIC_ADDRESS,
      portRange: env.RTC_PORT_RANGE,
      relayOnly: env.RTC_RELAY_ONLY,
      loopback: LOOPBACK.test(new URL(env.EDGE_URL).hostname),
    },
    onSlowStun: () => log.warn('the STUN server does not answer; it is left out for a while. Set RTC_PUBLIC_ADDRESS to need none'),
  })
  const [renderer, { voice, pronouncer }, lipSync] = await Promise.all([
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
    timed('voice ready', chooseVoice(env)),
    timed('lip sync ready', createLipSync({ modelPath: env.LIPSYNC_MODEL })),
    timed('WebRTC ready', rtc.warmUp()),
  ])
  const ears = { transcription: await chooseTranscription(env), vad: readVadWeights(env.VAD_MODEL) }
  const openai = env.OPENAI_API_KEY ? { apiKey: env.OPENAI_API_KEY, baseUrl: env.OPENAI_BASE_URL } : undefined
  const chat = openai ? createOpenAiChat({ ...openai, model: env.OPENAI_MODEL }) : createDemoPersona()
  const host = new Host({ renderer, log })
  const load = new LoadMeter({ host, renderer, encoders })
  const parts = new SessionParts({
    voice,
    chat,
    ears,
    lipSync,
    mouthFromPhones,
    mouthFromText: pronouncer && createMouthFromText(pronouncer),
    decodeAudio: decodeAudioData,
    persona: env.PERSONA,
    rtc: { answer: (offer, options) => rtc.answer(offer, options), encoders },
    onLatency: (ms) => load.addLatency(ms),
    onTurn: (ledger) => load.addTurn(ledger),
    soundOf: (avatarId) => renderer.soundOf(avatarId),
    canNod: (avatarId) => renderer.canNod(avatarId),
  })
  const avatars = [...renderer.avatars]
  log.info(
    {
      device: renderer.device,
      capacity: renderer.capacity,
      avatars: avatars.map((avatar) => avatar.avatar_id),
      voice: voice.name,
      chat: chat.name,
      ears: ears.transcription?.name ?? 'none',
      model: chat.defaultModel,
    },
    'runs on',
  )
  const edge = new EdgeLink({
    edgeUrl: env.EDGE_URL,
    key: env.ORIGIN_KEY,
    about: {
      version: VERSION,
      origin_id: env.ORIGIN_ID,
      boot_id: randomUUID(),
      started_at: Date.now(),
      device: renderer.device,
      avatars,
      // read at every connect: the account's list may have come later
      get voices() {
        return [...voice.voices]
      },
    },
    host,
    parts,
    load,
    log,
    onWelcome: () => log.info({ elapsed_ms: Math.round(performance.now() - startedMs), edge: env.EDGE_URL }, 'connected to the edge'),
    onRefused: (why) => {
      log.error({ edge: env.EDGE_URL }, `the edge does not take this origin: ${why}; check ORIGIN_KEY and EDGE_URL`)
      process.exitCode = 1
      void leave()
    },
  })

  let leaving = false
  async function leave(): Promise<void> {
    if (leaving) return
    leaving = true
    edge.drain()
    edge.close()
    host.stop()
    setTimeout(() => process.exit(), DRAIN_MS).unref()
    await Promise.allSettled([renderer.close(), voice.close(), pronouncer?.close(), lipSync.close(), encoders.close(), closeDecoder()])
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void leave())
}

main().catch((error: unknown) => {
  log.fatal(error instanceof Error ? { detail: error.message } : {}, 'the origin could not start')
  log.debug({ err: error }, 'where it failed')
  process.exitCode = 1
  // worker threads of parts that did load must not keep the process
  setTimeout(() => process.exit(), 100).unref()
})
