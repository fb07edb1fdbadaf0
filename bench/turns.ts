/** What a conversation takes: from the model's words to sound, and from an interrupt to silence, at every point of a turn. */
import { setTimeout as delay } from 'node:timers/promises'
import { ApiClient } from '../test/support/clients/api-client.ts'
import type { SocketClient } from '../test/support/clients/socket-client.ts'
import type { Exchange, VendorServer } from '../test/support/servers/vendor-server.ts'
import { until } from '../test/support/until.ts'

/** Turns measured for each figure. */
const ROUNDS = 12
const FIRST = 'I am glad that you ask me this today.'
const SECOND = ' It is a long story, and it begins with a small house by the sea.'
/** Characters of it that come with the first: a word that is over, as one that is not may still become an address. */
const BEGUN = 6
/** ms of the first sentence by the embedded voice, rests included: what follows it is a pause. */
const FIRST_MS = 2_700

export interface MeasureTurnsOptions {
  apiUrl: string
  wsUrl: string
  /** Plays the language model: the origin's OPENAI_BASE_URL. */
  mind: VendorServer
}

const token = (content: string): string =>
  `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta: { content }, finish_reason: null }] })}\n\n`

/** One session with its client, and the model's side of the turn that is measured. */
class Bench {
  readonly #api: ApiClient
  readonly #mind: VendorServer
  readonly client: SocketClient
  readonly sessionId: string

  private constructor(api: ApiClient, mind: VendorServer, client: SocketClient, sessionId: string) {
    this.#api = api
    this.#mind = mind
    this.client = client
    this.sessionId = sessionId
  }

  static async open({ apiUrl, wsUrl, mind }: MeasureTurnsOptions): Promise<Bench> {
    const api = new ApiClient({ apiUrl, wsUrl })
    const { sessionId, socket } = await api.join('?audio=chunks')
    await socket.next('frame')
    return new Bench(api, mind, socket, sessionId)
  }

  /** Asks something; the model has the request and says nothing yet. */
  async ask(): Promise<Exchange> {
    const before = this.#mind.exchanges.length
    this.#mind.answer((exchange) => {
      exchange.head(200, { 'content-type': 'text/event-stream' })
      return new Promise<void>(() => undefined)
    })
    const messages = [{ role: 'user', content: 'Tell me.' }]
    // nobody reads the answer: what counts is heard on the socket
    void this.#api.call('/v1/chat.completions', { session_id: this.sessionId, messages })
    return await until('the request to the model', () => this.#mind.exchanges[before])
  }

  /** The model writes its first sentence and begins the next. @returns when */
  async write(exchange: Exchange): Promise<number> {
    const atMs = performance.now()
    await exchange.send([...(FIRST.match(/\S+\s*/g) ?? []), SECOND.slice(0, BEGUN)].map(token).join(''))
    return atMs
  }

  async writeRest(exchange: Exchange): Promise<void> {
    await exchange.send(`${token(SECOND.slice(BEGUN))}data: [DONE]\n\n`)
    exchange.end()
  }

  /** @returns ms until nothing of the old turn came any more, and sounds that came after the acknowledgement */
  async interrupt(): Promise<{ ms: number; leaked: number }> {
    const from = this.client.events.length
    const askedMs = performance.now()
    this.client.send({ type: 'interrupt' })
    const { atMs } = await this.client.next('interrupted', { from })
    const acknowledged = this.client.events.length
    await delay(250)
    const sounds = this.client.events.slice(from).filter(({ type }) => type === 'audio')
    const leaked = this.client.events.slice(acknowledged).filter(({ type }) => type === 'audio').length
    return { ms: Math.max(atMs, ...sounds.map((sound) => sound.atMs)) - askedMs, leaked }
  }

  /** @returns ms from the request to the end of the session, and sounds after it */
  async stop(): Promise<{ ms: number; leaked: number }> {
    const askedMs = performance.now()
    const from = this.client.events.length
    const stopped = this.#api.stop(this.sessionId)
    const { atMs } = await this.client.next('session_ended', { from })
    await stopped
    const ended = this.client.events.length
    await delay(100)
    return { ms: atMs - askedMs, leaked: this.client.events.slice(ended).filter(({ type }) => type === 'audio').length }
  }

  async close(): Promise<void> {
    this.client.close()
    await this.#api.stop(this.sessionId)
  }
}

type Reach = (bench: Bench) => Promise<Exchange | undefined>
const soundingTurn = async (bench: Bench, afterMs: number): Promise<Exchange> => {
  const from = bench.client.events.length
  const exchange = await bench.ask()
  await bench.write(exchange)
  await bench.client.next('audio', { from })
  await delay(afterMs)
  return exchange
}
const MOMENTS: Record<string, Reach> = {
  before_first_token: (bench) => bench.ask(),
  before_first_sound: async (bench) => {
    const exchange = await bench.ask()
    await bench.write(exchange)
    return exchange
  },
  mid_word: (bench) => soundingTurn(bench, 400),
  between_clauses: (bench) => soundingTurn(bench, FIRST_MS),
  after_end: async (bench) => {
    const from = bench.client.events.length
    const exchange = await bench.ask()
    await exchange.send(`${token('Yes.')}data: [DONE]\n\n`)
    exchange.end()
    await bench.client.next('speech_finished', { from })
    return undefined
  },
}

/** Figures by name, ms unless the name says otherwise. */
export async function measureTurns(options: MeasureTurnsOptions): Promise<Record<string, number[]>> {
  const figures: Record<string, number[]> = {}
  const bench = await Bench.open(options)
  const tokenToSound: number[] = []
  const tokenToVoice: number[] = []
  const voiceToSound: number[] = []
  for (let i = 0; i < ROUNDS; i++) {
    const from = bench.client.events.length
    const exchange = await bench.ask()
    const writtenMs = await bench.write(exchange)
    tokenToSound.push((await bench.client.next('audio', { from })).atMs - writtenMs)
    await bench.writeRest(exchange)
    await bench.interrupt()
    const { metrics } = (await bench.client.next('turn_metrics', { from })) as unknown as { metrics: Record<string, number> }
    const { llm_first_token = Number.NaN, tts_first_byte = Number.NaN, first_sound = Number.NaN } = metrics
    tokenToVoice.push(tts_first_byte - llm_first_token)
    voiceToSound.push(first_sound - tts_first_byte)
  }
  figures.token_to_voice = tokenToVoice
  figures.voice_to_sound = voiceToSound
  figures.token_to_first_sound = tokenToSound
  const leaks: number[] = []
  const cancelled: number[] = []
  for (const [moment, reach] of Object.entries(MOMENTS)) {
    const times: number[] = []
    for (let i = 0; i < ROUNDS; i++) {
      const open = await reach(bench)
      const { ms, leaked } = await bench.interrupt()
      times.push(ms)
      leaks.push(leaked)
      if (open) cancelled.push(await Promise.race([open.cancelled.then(() => 1), delay(2_000, 0)]))
    }
    figures[`interrupt_${moment}`] = times
  }
  const twice: number[] = []
  for (let i = 0; i < ROUNDS; i++) {
    await soundingTurn(bench, 200)
    const first = bench.interrupt()
    const second = await bench.interrupt()
    twice.push(second.ms)
    leaks.push((await first).leaked, second.leaked)
  }
  figures.interrupt_twice = twice
  await bench.close()
  const closing: number[] = []
  for (let i = 0; i < ROUNDS / 2; i++) {
    const short = await Bench.open(options)
    await soundingTurn(short, 200)
    short.client.send({ type: 'interrupt' })
    const { ms, leaked } = await short.stop()
    closing.push(ms)
    leaks.push(leaked)
    short.client.close()
  }
  figures.interrupt_during_close = closing
  figures.sounds_after_interrupts = leaks
  figures.requests_left_running = cancelled.map((one) => 1 - one)
  return figures
}
