/** A company's proxy in front of vendors and the edge: only the proxy knows where they are. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import tls from 'node:tls'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { WebSocketServer } from 'ws'
import { ReconnectingSocket } from '../../../origin/edge/reconnecting-socket.ts'
import { applyProxy } from '../../../origin/net/proxy.ts'
import type { Environment } from '../../../origin/net/proxy-settings.ts'
import { createOpenAiChat } from '../../../origin/providers/llm/openai.ts'
import { createOpenAiTranscription } from '../../../origin/providers/stt/openai.ts'
import { createOpenAiLiveTranscription } from '../../../origin/providers/stt/openai-realtime.ts'
import type { TranscriptionProvider } from '../../../origin/providers/stt/types.ts'
import { createElevenLabsVoice } from '../../../origin/providers/tts/elevenlabs/index.ts'
import { createOpenAiVoice } from '../../../origin/providers/tts/openai.ts'
import type { SpeechProvider } from '../../../origin/providers/tts/types.ts'
import { AvatarError } from '../../../shared/errors.ts'
import { answersVoices, evenly, timestampedLine } from '../../support/fakes/elevenlabs-lines.ts'
import { createLogger } from '../../support/fakes/silent-log.ts'
import { type ProxyServer, startProxyServer } from '../../support/servers/proxy-server.ts'
import { type RealtimeServer, startRealtimeServer } from '../../support/servers/realtime-server.ts'
import { pcmBytes, type VendorServer } from '../../support/servers/vendor-server.ts'
import { HEARD, startVendorStandIn } from '../../support/servers/vendor-stand-in.ts'

const KEY = 'sk-secret'
const WAIT = { timeout: 20_000 }
const never = new AbortController().signal

let vendor: VendorServer
let recogniser: RealtimeServer
let edge: Server
let folder: string
let proxy: ProxyServer
let restore: () => void = () => undefined
const lines: { message: string; fields: object }[] = []
const log = {
  info: (fields: object, message: string) => lines.push({ message, fields }),
  warn: (message: string) => lines.push({ message, fields: {} }),
} as unknown as Parameters<typeof applyProxy>[1]

function portOf(server: { address(): AddressInfo | string | null }): number {
  return (server.address() as AddressInfo).port
}

function useEnvironment(env: Environment): void {
  restore()
  restore = applyProxy(env, log)
}

beforeAll(async () => {
  vendor = await startVendorStandIn()
  recogniser = await startRealtimeServer((line, { type }) => {
    if (type === 'input_audio_buffer.commit') line.completed(line.committed(), HEARD)
  })
  folder = mkdtempSync(join(tmpdir(), 'proxy-'))
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const subject = ['-subj', '/CN=edge.test', '-addext', 'subjectAltName=DNS:edge.test']
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-days',
      '2',
      '-keyout',
      key,
      '-out',
      cert,
      ...subject,
    ],
    { stdio: 'ignore' },
  )
  tls.setDefaultCACertificates([...tls.getCACertificates('default'), readFileSync(cert, 'utf8')])
  edge = createServer({ key: readFileSync(key), cert: readFileSync(cert) })
  new WebSocketServer({ server: edge })
  await new Promise<void>((resolve) => edge.listen(0, '127.0.0.1', resolve))
  proxy = await startProxyServer({
    'llm.test': Number(new URL(vendor.url).port),
    'ears.test': Number(new URL(recogniser.url).port),
    'edge.test': portOf(edge),
  })
}, 60_000)
beforeEach(() => {
  useEnvironment({ HTTP_PROXY: proxy.url, HTTPS_PROXY: proxy.url })
})
afterEach(() => {
  restore()
  restore = () => undefined
  proxy.refuse = undefined
  proxy.asked.length = 0
  proxy.credentials.length = 0
  lines.length = 0
})
afterAll(async () => {
  edge?.closeAllConnections()
  edge?.close()
  await Promise.all([proxy?.close(), vendor?.close(), recogniser?.close()])
  rmSync(folder, { recursive: true, force: true })
})

async function reply(baseUrl: string): Promise<string> {
  const chat = createOpenAiChat({ apiKey: KEY, baseUrl, model: 'stand-in' })
  let text = ''
  for await (const part of chat.reply({ messages: [{ role: 'user', content: 'Hello' }], model: 'stand-in' }, never)) {
    if (part.type === 'text') text += part.text
  }
  return text
}

async function samplesOf(voice: SpeechProvider): Promise<number> {
  let samples = 0
  for await (const { pcm } of voice.speak({ text: 'Hello.', voiceId: voice.defaultVoiceId, settings: {} }, never)) samples += pcm.length
  await voice.close()
  return samples
}

async function hear(provider: TranscriptionProvider): Promise<string> {
  const transcriber = provider.open({ language: 'en' })
  const transcript = transcriber.begin({ signal: never, onPartial: () => undefined })
  transcript.push(new Int16Array(16_000).fill(1_000))
  const text = await transcript.finish()
  transcriber.close()
  return text
}

function dial(url: string): {
  link: ReconnectingSocket
  onOpen: ReturnType<typeof vi.fn>
  onRefused: ReturnType<typeof vi.fn>
  onLost: ReturnType<typeof vi.fn>
} {
  const calls = { onOpen: vi.fn(), onRefused: vi.fn(), onLost: vi.fn() }
  return { link: new ReconnectingSocket({ url, key: KEY, log: createLogger(), onText: () => undefined, ...calls }), ...calls }
}

describe('through the proxy go', { timeout: 60_000 }, () => {
  it('the language model', async () => {
    expect(await reply('http://llm.test/v1')).toBe('It is nice today.')
    expect(proxy.asked).toEqual(['CONNECT llm.test:80'])
  })

  it('a voice that speaks as OpenAI’s', async () => {
    vendor.answer(async (exchange) => {
      exchange.head(200)
      await exchange.send(pcmBytes(0.2))
      exchange.end()
    })
    const voice = createOpenAiVoice({ apiKey: KEY, model: 'tts', voice: 'marin', baseUrl: 'http://llm.test/v1' })
    expect(await samplesOf(voice)).toBe(4_800)
    expect(proxy.asked).toEqual(['CONNECT llm.test:80'])
  })

  it('ElevenLabs', async () => {
    const answersAll = async (exchange: Parameters<typeof answersVoices>[0]): Promise<void> => {
      if (answersVoices(exchange)) return
      exchange.head(200, { 'content-type': 'application/json' })
      await exchange.send(timestampedLine(pcmBytes(0.2), evenly('Hello.', 0, 0.2)))
      exchange.end()
    }
    vendor.answer(answersAll)
    const voice = await createElevenLabsVoice({ apiKey: KEY, model: 'eleven', baseUrl: 'http://llm.test' })
    expect(await samplesOf(voice)).toBe(4_800)
    expect(new Set(proxy.asked)).toEqual(new Set(['CONNECT llm.test:80']))
  })

  it('whole utterances, and those heard while they are spoken', async () => {
    expect(await hear(createOpenAiTranscription({ apiKey: KEY, model: 'ears', baseUrl: 'http://llm.test/v1' }))).toBe(HEARD)
    expect(await hear(createOpenAiLiveTranscription({ apiKey: KEY, model: 'ears', baseUrl: 'http://ears.test/v1' }))).toBe(HEARD)
    expect(proxy.asked).toEqual(['CONNECT llm.test:80', 'CONNECT ears.test:80'])
    expect(recogniser.lines.at(-1)?.authorization).toBe(`Bearer ${KEY}`)
  })

  it('the link to the edge, with the certificate of the edge', async () => {
    const { link, onOpen } = dial('wss://edge.test/link')
    await vi.waitFor(() => expect(onOpen).toHaveBeenCalledOnce(), WAIT)
    link.close()
    expect(proxy.asked).toEqual(['CONNECT edge.test:443'])
  })

  it('all with the user’s name and password, which no line of the log tells', async () => {
    const withUser = proxy.url.replace('//', '//someone:pass%40word@')
    useEnvironment({ HTTP_PROXY: withUser, HTTPS_PROXY: withUser })
    await reply('http://llm.test/v1')
    await hear(createOpenAiLiveTranscription({ apiKey: KEY, model: 'ears', baseUrl: 'http://ears.test/v1' }))
    const { link, onOpen } = dial('wss://edge.test/link')
    await vi.waitFor(() => expect(onOpen).toHaveBeenCalledOnce(), WAIT)
    link.close()
    const credentials = `Basic ${Buffer.from('someone:pass@word').toString('base64')}`
    expect(proxy.credentials).toEqual([credentials, credentials, credentials])
    expect(JSON.stringify(lines)).not.toMatch(/someone|pass/)
  })
})

describe('directly go', { timeout: 60_000 }, () => {
  it('calls to this machine', async () => {
    expect(await reply(`${vendor.url}/v1`)).toBe('It is nice today.')
    expect(await reply(`${vendor.url.replace('127.0.0.1', 'localhost')}/v1`)).toBe('It is nice today.')
    expect(await hear(createOpenAiLiveTranscription({ apiKey: KEY, model: 'ears', baseUrl: recogniser.url }))).toBe(HEARD)
    expect(proxy.asked).toEqual([])
  })

  it('also where it is named by another of its addresses', async () => {
    const other = vendor.url.replace('127.0.0.1', '127.0.0.2')
    useEnvironment({ HTTP_PROXY: proxy.url, OPENAI_BASE_URL: `${other}/v1` })
    // nobody listens there, and the proxy would have said 502
    const failure = await reply(`${other}/v1`).catch((thrown: unknown) => thrown)
    expect(failure).toBeInstanceOf(AvatarError)
    expect(proxy.asked).toEqual([])
  })

  it('calls to hosts of NO_PROXY, and those alone', async () => {
    useEnvironment({ HTTP_PROXY: proxy.url, NO_PROXY: 'llm.test' })
    const spy = vi.spyOn(await import('node:dns').then((dns) => dns.default), 'lookup')
    spy.mockImplementation(((_name: string, ...rest: unknown[]) => {
      const answer = rest.at(-1) as (error: null, addresses: { address: string; family: number }[]) => void
      answer(null, [{ address: '127.0.0.1', family: 4 }])
    }) as unknown as typeof import('node:dns').lookup)
    try {
      expect(await reply(`http://llm.test:${new URL(vendor.url).port}/v1`)).toBe('It is nice today.')
      expect(proxy.asked).toEqual([])
    } finally {
      spy.mockRestore()
    }
    expect(await hear(createOpenAiLiveTranscription({ apiKey: KEY, model: 'ears', baseUrl: 'http://ears.test/v1' }))).toBe(HEARD)
    expect(proxy.asked).toEqual(['CONNECT ears.test:80'])
  })
})

describe('a proxy that refuses', { timeout: 60_000 }, () => {
  it('is a provider that did not answer', async () => {
    proxy.refuse = 407
    const failures = await Promise.all(
      [
        reply('http://llm.test/v1'),
        hear(createOpenAiTranscription({ apiKey: KEY, model: 'ears', baseUrl: 'http://llm.test/v1' })),
        hear(createOpenAiLiveTranscription({ apiKey: KEY, model: 'ears', baseUrl: 'http://ears.test/v1' })),
      ].map((call) => call.catch((thrown: unknown) => thrown)),
    )
    for (const failure of failures) expect(failure).toMatchObject({ code: 'PROVIDER_FAILED' })
    expect(String((failures[2] as Error).cause)).toContain('407')
  })

  it('does not make the origin give the edge up', async () => {
    proxy.refuse = 407
    const { link, onOpen, onRefused, onLost } = dial('wss://edge.test/link')
    await vi.waitFor(() => expect(onLost).toHaveBeenCalled(), WAIT)
    proxy.refuse = undefined
    await vi.waitFor(() => expect(onOpen).toHaveBeenCalledOnce(), WAIT)
    expect(onRefused).not.toHaveBeenCalled()
    link.close()
  })
})
