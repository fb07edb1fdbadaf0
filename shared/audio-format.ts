/** Names of audio formats: ours, and those that vendors, codecs and MIME types have for the same. Plain TypeScript. */

export type SampleEncoding = 'u8' | 's16le' | 's16be' | 's24le' | 's32le' | 'f32le' | 'f64le' | 'mulaw' | 'alaw'

/** How to read sound. */
export interface AudioFormat {
  /** `auto`: what the bytes say, else 16-bit PCM; `file`: a container; `l16`: 16 bits in either byte order. */
  encoding: SampleEncoding | 'auto' | 'file' | 'l16'
  /** Hz, where the name says it. */
  sampleRate?: number
  channels?: number
}

/** The names that are documented. */
export const AUDIO_FORMATS = [
  'auto',
  'pcm_s16le',
  'pcm_s16be',
  'pcm_s24le',
  'pcm_s32le',
  'pcm_f32le',
  'pcm_u8',
  'mulaw',
  'alaw',
  'wav',
  'mp3',
  'ogg',
  'webm',
  'flac',
  'aac',
  'mp4',
  'aiff',
] as const

const NAMES: Record<AudioFormat['encoding'], string> = {
  auto: 'auto octetstream binary',
  s16le: 'pcm pcms16le s16le s16 pcm16 pcm16le pcms16 int16 i16 linear16 linearpcm lpcm lin16 raw',
  s16be: 'pcms16be s16be pcm16be',
  s24le: 'pcms24le s24le s24 pcm24 pcm24le int24',
  s32le: 'pcms32le s32le s32 pcm32 pcm32le int32',
  f32le: 'pcmf32le f32le f32 pcmf32 float float32 float32le pcmfloat32',
  f64le: 'pcmf64le f64le f64 float64',
  u8: 'pcmu8 u8 pcm8 uint8',
  mulaw: 'mulaw ulaw pcmu pcmmulaw g711ulaw g711mulaw g711u g711 basic',
  alaw: 'alaw pcma pcmalaw g711alaw g711a',
  l16: 'l16',
  file: 'wav wave vndwave riff mp3 mpeg mpeg3 mpga ogg oga opus vorbis webm weba matroska mka flac aac aacp adts mp4 m4a m4b mov quicktime aiff aif caf au snd amr 3gpp 3gp',
}
const ENCODINGS = new Map(
  Object.entries(NAMES).flatMap(([encoding, names]) =>
    names.split(' ').map((name) => [name, encoding as AudioFormat['encoding']] as const),
  ),
)
/** Which of several words counts: a file's name before what is in it, and that before `raw`. */
const WORD_ORDER = ['mulaw', 'alaw', 'file', 's16le'] as const
const OTHER_SAMPLES = /^(?:[suif]|int|uint|float)(?:8|16|24|32|64)(?:le|be)?$|^(?:ad|d)pcm$|^g7\d\d/
/** Hz that a name may end with, as `pcm_16000`. */
const RATES = /[_-](8000|11025|12000|16000|22050|24000|32000|44100|48000|96000|8k|16k|24k|44k|48k)(?:[_-]\d+)?$/

/** Undefined for a name that is not known. @param name any case, with or without `audio/`, `x-` and parameters */
export function parseAudioFormat(name: string): AudioFormat | undefined {
  const [type = '', ...parameters] = name.toLowerCase().split(';')
  const short = type
    .trim()
    .replace(/^(audio|video|application)\//, '')
    .replace(/^x-/, '')
  const rate = RATES.exec(short)
  const encoding = short === '' ? 'auto' : (ENCODINGS.get(short.replace(RATES, '').replace(/[._\s-]/g, '')) ?? encodingOfWords(short))
  if (encoding === undefined) return undefined
  const kilohertz = /(?:^|[_-])(\d+)khz/.exec(short)?.[1]
  const named = rate?.[1] ?? (kilohertz && `${kilohertz}k`)
  const sampleRate = parameterOf(parameters, 'rate') ?? parameterOf(parameters, 'samplerate') ?? (named && hertz(named))
  const channels = parameterOf(parameters, 'channels')
  return { encoding, ...(sampleRate ? { sampleRate } : {}), ...(channels ? { channels } : {}) }
}

/** Of names that are descriptions: `raw-8khz-8bit-mono-mulaw`, `audio-24khz-48kbitrate-mono-mp3`, `webm_opus`. */
function encodingOfWords(name: string): AudioFormat['encoding'] | undefined {
  const all = name.split(/[._\s-]+/)
  const words = all.map((word) => ENCODINGS.get(word))
  // `pcm_s8`, `adpcm_ms`: samples of a kind that is not read
  if (all.some((word, i) => words[i] === undefined && OTHER_SAMPLES.test(word))) return undefined
  return WORD_ORDER.find((encoding) => words.includes(encoding))
}

function hertz(text: string): number {
  return text === '44k' ? 44_100 : text.endsWith('k') ? Number(text.slice(0, -1)) * 1000 : Number(text)
}

function parameterOf(parameters: readonly string[], name: string): number | undefined {
  const found = parameters.map((one) => one.trim().split('=')).find(([key]) => key?.replace(/[_-]/g, '') === name)?.[1]
  const value = Number(found?.replaceAll('"', ''))
  return Number.isInteger(value) && value > 0 ? value : undefined
}
