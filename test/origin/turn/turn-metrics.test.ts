import { performance } from 'node:perf_hooks'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { ChatProvider } from '../../../origin/providers/llm/types.ts'
import type { SpeechProvider } from '../../../origin/providers/tts/types.ts'
import { TurnMetrics } from '../../../origin/turn/turn-metrics.ts'
import type { TurnLedger } from '../../../shared/stats.ts'
import { stoppedClock } from '../../support/clocks.ts'
import { createRig, fakeTts, type Rig } from '../../support/fakes/session-fakes.ts'

afterEach(() => void vi.restoreAllMocks())
const NONE = { vad_end: null, stt_final: null, llm_first_token: null, tts_first_byte: null, first_sound: null, first_frame: null }
const metricsOf = ({ sink }: Rig) => sink.of('turn_metrics').map(({ metrics }) => metrics)

describe('the metrics of a turn', () => {
  it('is told once, with the time of every step from the end of the user’s speech', async () => {
    const pass = stoppedClock()
    const chat: ChatProvider = {
      name: 'fake',
      defaultModel: 'fake',
      async *reply() {
        pass(200)
        yield { type: 'text', text: 'Hello there.' }
        pass(1)
        yield { type: 'text', text: ' And more.' }
      },
    }
    const voice: SpeechProvider = {
      ...fakeTts,
      async *speak(request, signal) {
        pass(100)
        yield* fakeTts.speak(request, signal)
      },
    }
    const turns: TurnLedger[] = []
    const one = createRig({
      llm: chat,
      tts: voice,
      turnRecorder: { addLatency: () => undefined, addTurn: (metrics) => turns.push(metrics) },
    })
    const now = performance.now()
    one.session.speech.answer('Hello?', { endMs: now - 700, vadEndMs: now - 200, sttFinalMs: now })
    expect(one.session.speech.lastTurn).toBeNull()
    await one.run(30)
    const [told] = one.sink.of('turn_metrics')
    expect(told).toMatchObject({ kind: 'voice', task_id: one.sink.of('speech_started')[0]?.task_id })
    expect(told?.metrics).toMatchObject({ vad_end: 500, stt_final: 700, llm_first_token: 900 })
    const { tts_first_byte, first_sound, first_frame } = told?.metrics ?? NONE
    expect(tts_first_byte).toBeGreaterThanOrEqual(1000)
    expect(first_sound).toBeGreaterThanOrEqual(tts_first_byte ?? Number.NaN)
    expect(first_frame).toBeGreaterThanOrEqual(first_sound ?? Number.NaN)
    expect(one.sink.of('turn_metrics')).toHaveLength(1)
    expect(turns).toEqual([told?.metrics])
    expect(one.session.speech.lastTurn).toEqual(told?.metrics)
  })

  it('of speech that is not shown ends without a frame', async () => {
    const one = createRig()
    const { wants } = one
    one.session.want({ ...wants, frame_json: false }, { ...wants, frame_json: false })
    one.session.speech.speak({ text: 'Hello.' })
    await one.run(10)
    expect(metricsOf(one)).toMatchObject([{ llm_first_token: null, first_sound: expect.any(Number), first_frame: null }])
  })

  it.each(['interrupted before its first sound', 'failed'])('of a turn that is %s is told too', async (how) => {
    const one = createRig(how === 'failed' ? { tts: brokenVoice } : {})
    one.session.speech.speak({ text: 'Hello.' })
    if (how !== 'failed') one.session.speech.interrupt()
    await one.run(5)
    expect(metricsOf(one)).toEqual([NONE])
    expect(one.sink.of('speech_finished')).toHaveLength(1)
  })

  it('takes the first of each step, and nothing after it was closed', () => {
    const pass = stoppedClock()
    const metrics = new TurnMetrics()
    pass(10)
    metrics.mark('first_sound')
    pass(10)
    metrics.mark('first_sound')
    expect(metrics.close()).toEqual({ ...NONE, first_sound: 10 })
    metrics.mark('first_frame')
    expect(metrics.close()).toBeUndefined()
  })
})

describe('the watchdog', () => {
  /** Says its first 100 ms and then nothing. */
  const stuckVoice: SpeechProvider = {
    ...fakeTts,
    async *speak(_request, signal) {
      yield { pcm: new Int16Array(2400).fill(1000) }
      yield { pcm: new Int16Array(2400).fill(1000) }
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }))
    },
  }

  it('ends a task whose voice stopped, 2 s after its expected end, and the next one speaks', async () => {
    const pass = stoppedClock()
    let broken = true
    const voice: SpeechProvider = { ...fakeTts, speak: (request, signal) => (broken ? stuckVoice : fakeTts).speak(request, signal) }
    const one = createRig({ tts: voice })
    const { task_id } = one.session.speech.speak({ text: 'x'.repeat(100) })
    await one.run(8)
    expect(one.sink.of('speech_started')).toHaveLength(1)
    // 100 characters are expected to take 2 s, within 25 %
    pass(4_400)
    await one.run(2)
    expect(one.sink.of('speech_finished')).toEqual([])
    pass(2_200)
    broken = false
    one.session.speech.speak({ text: 'Next.' })
    await one.run(10)
    expect(one.sink.of('error')).toMatchObject([{ task_id, code: 'PROVIDER_FAILED' }])
    expect(one.sink.of('speech_finished').map(({ reason }) => reason)).toEqual(['failed', 'completed'])
  })

  it('leaves time to speech that is held', async () => {
    const pass = stoppedClock()
    const one = createRig()
    one.session.speech.speak({ text: 'x'.repeat(50) })
    await one.run(5)
    one.session.speech.pauseSpeech()
    pass(60_000)
    await one.run(5)
    expect(one.sink.of('speech_finished')).toEqual([])
    one.session.speech.resumeSpeech()
    await one.run(30)
    expect(one.sink.of('speech_finished')).toMatchObject([{ reason: 'completed' }])
  })

  it('lets held speech go on that everybody forgot', async () => {
    const pass = stoppedClock()
    const one = createRig()
    one.session.speech.speak({ text: 'x'.repeat(50) })
    await one.run(5)
    one.session.speech.pauseSpeech()
    pass(91_000)
    await one.run(30)
    expect(one.sink.of('speech_resumed')).toHaveLength(1)
    expect(one.sink.of('speech_finished')).toMatchObject([{ reason: 'completed' }])
  })
})

const brokenVoice: SpeechProvider = {
  ...fakeTts,
  // biome-ignore lint/correctness/useYield: it fails before its first sound
  async *speak() {
    await Promise.resolve()
    throw new Error('the voice broke')
  },
}
