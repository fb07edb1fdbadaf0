/** Interrupts at every point of a turn, against servers that speak the vendors' protocols. */
import { setImmediate as turnOfTheLoop } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createOpenAiChat } from '../../../origin/providers/llm/openai.ts'
import { createFliteVoice } from '../../../origin/providers/tts/flite/index.ts'
import { createOpenAiVoice } from '../../../origin/providers/tts/openai.ts'
import type { SpeechProvider } from '../../../origin/providers/tts/types.ts'
import type { JobWorker } from '../../../origin/workers/job-worker.ts'
import { threadWorker } from '../../../origin/workers/job-worker.ts'
import { createRig, type Rig } from '../../support/fakes/session-fakes.ts'
import { type Exchange, Gate, pcmBytes, startVendorServer, type VendorServer } from '../../support/servers/vendor-server.ts'
import { until } from '../../support/until.ts'

let mind: VendorServer
let mouth: VendorServer
beforeAll(async () => {
  mind = await startVendorServer()
  mouth = await startVendorServer()
})
afterAll(() => Promise.all([mind.close(), mouth.close()]))
afterEach(() => {
  mind.exchanges.length = 0
  mouth.exchanges.length = 0
})

const token = (content: string) =>
  `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta: { content }, finish_reason: null }] })}\n\n`
const openStream = (exchange: Exchange) => exchange.head(200, { 'content-type': 'text/event-stream' })
const never = () => new Promise<void>(() => undefined)
/** Answers and stays open. */
const writesOn = (text: string) => async (exchange: Exchange) => {
  openStream(exchange)
  await exchange.send(token(text))
  await never()
}
const writes = (text: string) => async (exchange: Exchange) => {
  openStream(exchange)
  await exchange.send(`${token(text)}data: [DONE]\n\n`)
  exchange.end()
}
const says = (seconds: number) => async (exchange: Exchange) => {
  exchange.head(200)
  await exchange.send(pcmBytes(seconds))
  exchange.end()
}
const saysOn = (seconds: number) => async (exchange: Exchange) => {
  exchange.head(200)
  await exchange.send(pcmBytes(seconds))
  await never()
}

const rig = () =>
  createRig({
    llm: createOpenAiChat({ apiKey: 'sk', baseUrl: `${mind.url}/v1`, model: 'm' }),
    tts: createOpenAiVoice({ apiKey: 'sk', baseUrl: `${mouth.url}/v1`, model: 'm', voice: 'marin' }),
  })
const ask = ({ session }: Rig) =>
  session.speech.chat({ messages: [{ role: 'user', content: 'Hello' }], stream: true }, () => undefined, new AbortController().signal)
const started = (one: Rig) => one.runUntil('the first sound', () => one.sink.of('speech_started').length > 0)
const ended = (one: Rig, count: number) => one.runUntil('the end of the task', () => one.sink.of('speech_finished').length === count)
const played = (one: Rig, ms: number) =>
  one.runUntil(`${ms} ms of sound`, () => one.sink.of('audio').filter(({ format }) => format === 'pcm_s16le').length >= ms / 100)

interface Moment {
  when: string
  mind: (exchange: Exchange) => Promise<void>
  mouth: ((exchange: Exchange) => Promise<void>)[]
  reach: (one: Rig) => Promise<void>
  /** Requests that are under way then. */
  open: () => Exchange[]
  heard: RegExp
}
const last = (server: VendorServer): Exchange[] => server.exchanges.slice(-1)
const MOMENTS: Moment[] = [
  {
    when: 'before the first token',
    mind: never,
    mouth: [],
    reach: async () => void (await until('the request to the model', () => mind.exchanges.length === 1)),
    open: () => last(mind),
    heard: /^$/,
  },
  {
    when: 'before the first sound',
    mind: writesOn('A first sentence. A second'),
    mouth: [never],
    reach: async () => void (await until('the request to the voice', () => mouth.exchanges.length === 1)),
    open: () => [...last(mind), ...last(mouth)],
    heard: /^$/,
  },
  {
    when: 'mid-word',
    mind: writesOn('Supercalifragilistic words. A second'),
    mouth: [saysOn(2)],
    reach: async (one) => {
      await started(one)
      await played(one, 300)
    },
    open: () => [...last(mind), ...last(mouth)],
    heard: /^$/,
  },
  {
    when: 'between clauses',
    mind: writesOn('A first sentence. A second sentence. A third'),
    mouth: [says(0.4), never],
    reach: async (one) => {
      await started(one)
      await one.runUntil('the second request to the voice', () => mouth.exchanges.length === 2)
      await one.run(20)
    },
    open: () => [...last(mind), ...last(mouth)],
    heard: /^A first sentence\.$/,
  },
]

async function expectSilence(one: Rig): Promise<void> {
  const from = one.sink.events.length
  for (let i = 0; i < 12; i++) {
    await one.run(1)
    await turnOfTheLoop()
  }
  const after = one.sink.events.slice(from).map(({ event }) => event)
  expect(after.filter(({ type }) => type !== 'frame')).toEqual([])
  const { generation = 0 } = one.sink.of('interrupted').at(-1) ?? {}
  expect(after.every((event) => event.generation === generation)).toBe(true)
}

describe.each(MOMENTS)('an interrupt $when', (moment) => {
  it.each(['once', 'twice', 'during close', 'while held'])(
    '%s: silence, one acknowledgement each, one end, requests cancelled',
    async (how) => {
      mind.answer(moment.mind, writes('Again.'))
      mouth.answer(...moment.mouth, says(0.2))
      const one = rig()
      const reply = ask(one)
      await moment.reach(one)
      const open = moment.open()
      expect(open.length).toBeGreaterThan(0)
      if (how === 'during close') one.session.close('idle_timeout', { afterSpeech: true })
      if (how === 'while held') one.session.speech.pauseSpeech()
      const { spoken_text } = one.session.speech.interrupt()
      const times = how === 'twice' ? 2 : 1
      if (how === 'twice') expect(one.session.speech.interrupt().status).toBe('nothing_to_interrupt')
      expect(spoken_text).toMatch(moment.heard)
      expect((await reply).choices[0]?.finish_reason).toBe('interrupted')
      await Promise.all(open.map(({ cancelled }) => cancelled))
      if (how === 'during close') await one.run(1)
      await expectSilence(one)
      expect(one.sink.of('interrupted')).toHaveLength(times)
      expect(one.sink.of('speech_finished')).toMatchObject([{ reason: 'interrupted' }])
      expect(one.sink.of('turn_metrics')).toHaveLength(1)
      expect(one.sink.ended).toBe(how === 'during close' ? 'idle_timeout' : undefined)
      if (how === 'during close') return
      await ask(one)
      await ended(one, 2)
      expect(one.sink.of('speech_finished')[1]).toMatchObject({ reason: 'completed', played_ms: 200 })
      expect(mind.exchanges.at(-1)?.body.messages).toEqual([
        { role: 'system', content: 'persona' },
        ...(spoken_text === ''
          ? [{ role: 'user', content: 'Hello\n\nHello' }]
          : [
              { role: 'user', content: 'Hello' },
              { role: 'assistant', content: spoken_text },
              { role: 'user', content: 'Hello' },
            ]),
      ])
    },
  )
})

describe('an interrupt after the end', () => {
  it('is acknowledged, and ends nothing twice', async () => {
    mind.answer(writes('Short.'))
    mouth.answer(says(0.2))
    const one = rig()
    await ask(one)
    await ended(one, 1)
    expect(one.session.speech.interrupt()).toMatchObject({ status: 'nothing_to_interrupt', task_id: null })
    await expectSilence(one)
    expect(one.sink.of('interrupted')).toHaveLength(1)
    expect(one.sink.of('speech_finished')).toMatchObject([{ reason: 'completed' }])
  })
})

describe('a model that breaks', () => {
  it.each(['before its first token', 'after some'])('%s: the caller and the session are told, and the next turn speaks', async (when) => {
    mind.answer(async (exchange) => {
      if (when === 'before its first token') return exchange.json(401, { error: { message: 'no' } })
      openStream(exchange)
      await exchange.send(token('A first sentence. And'))
      exchange.breakOff()
    }, writes('Again.'))
    mouth.answer(says(0.2))
    const one = rig()
    await expect(ask(one)).rejects.toMatchObject({ code: 'PROVIDER_FAILED' })
    await ended(one, 1)
    expect(one.sink.of('error')).toMatchObject([{ code: 'PROVIDER_FAILED' }])
    const sentences = when === 'after some' ? ['A first sentence.'] : []
    expect(one.sink.of('chat').flatMap(({ role, content }) => (role === 'agent' ? [content] : []))).toEqual(sentences)
    await ask(one)
    await ended(one, 2)
    expect(one.sink.of('speech_finished').map(({ reason }) => reason)).toEqual(['failed', 'completed'])
  })

  it('thinks for long, and is seen to', async () => {
    const first = new Gate()
    mind.answer(async (exchange) => {
      openStream(exchange)
      await first.opened
      await exchange.send(`${token('There.')}data: [DONE]\n\n`)
      exchange.end()
    })
    mouth.answer(says(0.2))
    const one = rig()
    const reply = ask(one)
    await one.run(50)
    expect(one.sink.of('status').map(({ status }) => status)).toEqual(['thinking'])
    first.open()
    await reply
    await ended(one, 1)
    expect(one.sink.of('status').map(({ status }) => status)).toEqual(['thinking', 'speaking', 'idle'])
  })
})

describe('a voice that fails in the middle of a sentence', () => {
  const failsOnce = async (one: Rig, breakIt: () => Promise<unknown>) => {
    const { task_id } = one.session.speech.speak({ text: 'This is the sentence that is not said to its end.' })
    await breakIt()
    await ended(one, 1)
    expect(one.sink.of('error')).toMatchObject([{ task_id, code: 'PROVIDER_FAILED' }])
    expect(one.sink.of('speech_finished')).toMatchObject([{ task_id, reason: 'failed' }])
    one.session.speech.speak({ text: 'The next one.' })
    await ended(one, 2)
    expect(one.sink.of('speech_finished')[1]).toMatchObject({ reason: 'completed' })
    expect(one.sink.ended).toBeUndefined()
  }

  it('of an OpenAI-compatible server ends its turn, and the next one speaks', async () => {
    mouth.answer(async (exchange) => {
      exchange.head(200)
      await exchange.send(pcmBytes(1))
      exchange.breakOff()
    }, says(0.2))
    const one = rig()
    await failsOnce(one, () => started(one))
  })

  it('of this machine ends its turn when its thread dies, and the next one speaks', async () => {
    const workers: JobWorker[] = []
    const entry = new URL('../../../origin/providers/tts/flite/flite-worker.ts', import.meta.url)
    const voice: SpeechProvider = await createFliteVoice({
      spawn: () => {
        const worker = threadWorker(entry, 'flite')
        workers.push(worker)
        return worker
      },
    })
    const one = createRig({ tts: voice })
    await failsOnce(one, async () => await workers[0]?.kill())
    expect(workers).toHaveLength(2)
    await voice.close()
  })
})
