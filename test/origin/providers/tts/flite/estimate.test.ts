import { afterAll, beforeAll, expect, it } from 'vitest'
import { createFliteVoice } from '../../../../../origin/providers/tts/flite/index.ts'
import type { SpeechProvider } from '../../../../../origin/providers/tts/types.ts'
import { SPOKEN } from '../../../text/spoken-cases.ts'

let voice: SpeechProvider
beforeAll(async () => {
  voice = await createFliteVoice()
})
afterAll(() => voice.close())

/** One clause each. */
const TEXTS = SPOKEN.map(([written]) => written).filter((text) => /^[\x20-\x7e€£¥°–½²]+$/.test(text) && !/[.!?,] /.test(text))

it.each(TEXTS)('estimates within 25 %% of the speech: %j', async (text) => {
  const request = { text, voiceId: 'flite_slt', settings: {} }
  let samples = 0
  for await (const { pcm } of voice.speak(request, new AbortController().signal)) samples += pcm.length
  const ratio = voice.estimateDurationS(text, 'flite_slt', {}) / (samples / 24_000)
  expect(ratio).toBeGreaterThan(0.75)
  expect(ratio).toBeLessThan(1.25)
})
