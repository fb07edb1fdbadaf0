import { afterEach, describe, expect, it } from 'vitest'
import { readEnv } from '../../../../origin/env.ts'
import { type ChosenTts, chooseTts } from '../../../../origin/providers/tts/choose.ts'
import { answersVoices } from '../../../support/fakes/elevenlabs-lines.ts'
import { startVendorServer } from '../../../support/servers/vendor-server.ts'

const ORIGIN_KEY = 'a-key-that-is-long-enough'
const chosen: ChosenTts[] = []
async function choose(source: Record<string, string>): Promise<ChosenTts> {
  const one = await chooseTts(readEnv({ ORIGIN_KEY, ...source }))
  chosen.push(one)
  return one
}
afterEach(async () => {
  await Promise.all(chosen.splice(0).flatMap(({ tts, pronouncer }) => [tts.close(), pronouncer?.close()]))
})

describe('the voice that the configuration asks for', () => {
  it('is the embedded one without any key', async () => {
    expect(await choose({})).toMatchObject({ tts: { name: 'flite' } })
    expect(await choose({ OPENAI_API_KEY: 'sk-x', ELEVENLABS_API_KEY: '' })).toMatchObject({ tts: { name: 'flite' } })
  })

  it('is ElevenLabs where there is a key for it, with words known to the mouth', async () => {
    const vendor = await startVendorServer(answersVoices)
    const { tts, pronouncer } = await choose({ ELEVENLABS_API_KEY: 'sk_x', ELEVENLABS_BASE_URL: vendor.url })
    expect(tts.name).toBe('elevenlabs')
    expect(tts.voices).toHaveLength(2)
    expect(await pronouncer?.pronounce(['bob'])).toEqual([['b', 'aa', 'b']])
    await vendor.close()
  })

  it('is the one that is named, whatever keys there are', async () => {
    expect(await choose({ TTS_PROVIDER: 'flite', ELEVENLABS_API_KEY: 'sk_x' })).toMatchObject({ tts: { name: 'flite' } })
    const { tts, pronouncer } = await choose({ TTS_PROVIDER: 'openai', OPENAI_API_KEY: 'sk-x', OPENAI_TTS_VOICE: 'coral' })
    expect(tts).toMatchObject({ name: 'openai', defaultVoiceId: 'coral' })
    expect(pronouncer).toBeUndefined()
  })

  it.each([
    ['elevenlabs', 'ELEVENLABS_API_KEY'],
    ['openai', 'OPENAI_API_KEY'],
  ])('%s without its key names the variable', async (provider, variable) => {
    await expect(choose({ TTS_PROVIDER: provider })).rejects.toThrow(variable)
  })

  it.each([
    ['TTS_PROVIDER', 'espeak'],
    ['ELEVENLABS_BASE_URL', 'api.elevenlabs.io'],
    ['OPENAI_TTS_BASE_URL', 'ws://somewhere'],
  ])('%s=%s is refused at the start', (variable, value) => {
    expect(() => readEnv({ ORIGIN_KEY, [variable]: value })).toThrow(variable)
  })
})
