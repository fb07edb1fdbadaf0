import { describe, expect, it } from 'vitest'
import { AUDIO_FORMATS, parseAudioFormat } from '../../shared/audio-format.ts'
import { AudioData } from '../../shared/events.ts'

describe('names of audio formats', () => {
  it.each(AUDIO_FORMATS)('has the documented %s', (name) => {
    expect(AudioData.safeParse({ audio: 'AAAA', format: name }).success).toBe(true)
  })

  it.each([
    ['PCM_S16LE', { encoding: 's16le' }],
    ['pcm16', { encoding: 's16le' }],
    ['LINEAR16', { encoding: 's16le' }],
    ['pcm_16000', { encoding: 's16le', sampleRate: 16_000 }],
    ['pcm_44100', { encoding: 's16le', sampleRate: 44_100 }],
    ['audio/pcm;rate=24000', { encoding: 's16le', sampleRate: 24_000 }],
    ['audio/L16; rate=16000; channels=2', { encoding: 'l16', sampleRate: 16_000, channels: 2 }],
    ['raw-16khz-16bit-mono-pcm', { encoding: 's16le', sampleRate: 16_000 }],
    ['raw-8khz-8bit-mono-mulaw', { encoding: 'mulaw', sampleRate: 8_000 }],
    ['f32', { encoding: 'f32le' }],
    ['g711_ulaw', { encoding: 'mulaw' }],
    ['ulaw_8000', { encoding: 'mulaw', sampleRate: 8_000 }],
    ['audio/x-mulaw', { encoding: 'mulaw' }],
    ['audio/basic', { encoding: 'mulaw' }],
    ['PCMU', { encoding: 'mulaw' }],
    ['g711_alaw', { encoding: 'alaw' }],
    ['audio/webm;codecs=opus', { encoding: 'file' }],
    ['video/mp4; codecs="avc1, mp4a.40.2"', { encoding: 'file' }],
    ['WEBM_OPUS', { encoding: 'file' }],
    ['mp3_44100_128', { encoding: 'file', sampleRate: 44_100 }],
    ['riff-24khz-16bit-mono-pcm', { encoding: 'file', sampleRate: 24_000 }],
    ['audio/vnd.wave', { encoding: 'file' }],
    ['', { encoding: 'auto' }],
    ['application/octet-stream', { encoding: 'auto' }],
  ])('reads %j', (name, format) => {
    expect(parseAudioFormat(name)).toEqual(format)
  })

  it.each(['wax', 'constructor', '16khz', 'g722', 'pcm_s8', 'pcm_u16le', 'pcm_f32be', 'raw_s24be', 'adpcm_ima_wav', 'x'.repeat(90)])(
    'does not know %j',
    (name) => {
      expect(parseAudioFormat(name)).toBeUndefined()
      const { success, error } = AudioData.safeParse({ audio: 'AAAA', format: 'wax' })
      expect(success).toBe(false)
      expect(error?.issues[0]?.message).toContain('mulaw')
    },
  )
})
