/**
 * What the user said, recognised on this machine by sherpa-onnx with the operator's model: whole utterances, in the engine's own
 * threads. The package is the operator's to install, as it is large and of use with a model only.
 */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { AvatarError } from '../../../shared/errors.ts'
import { FULL_SCALE } from '../../dsp/pcm.ts'
import { STT_SAMPLE_RATE, type TranscriptionProvider } from './types.ts'

const PACKAGE = 'sherpa-onnx-node'
const INSTALL = `npm install --no-save ${PACKAGE}`
const THREADS = 2

interface OfflineStream {
  acceptWaveform(sound: { samples: Float32Array; sampleRate: number }): void
}
interface OfflineRecognizer {
  createStream(): OfflineStream
  decodeAsync(stream: OfflineStream): Promise<{ text: string }>
}
/** What is used of the package. */
export interface SherpaModule {
  OfflineRecognizer: { createAsync(config: Record<string, unknown>): Promise<OfflineRecognizer> }
}

export interface SherpaOptions {
  /** Folder of an unpacked model: its .onnx files and tokens.txt. */
  modelDir: string
  /** @internal */
  load?: () => Promise<SherpaModule>
}

/** @throws Error saying what to install or what the folder lacks */
export async function createSherpaTranscription({ modelDir, load = loadPackage }: SherpaOptions): Promise<TranscriptionProvider> {
  const modelConfig = { ...describeModel(modelDir), numThreads: THREADS, provider: 'cpu' }
  const { OfflineRecognizer } = await load()
  const recognizer = await OfflineRecognizer.createAsync({
    featConfig: { sampleRate: STT_SAMPLE_RATE, featureDim: 80 },
    modelConfig,
  })
  return {
    name: 'sherpa',
    live: false,
    open: () => ({
      begin: ({ signal }) => {
        const stream = recognizer.createStream()
        return {
          push: (pcm) => stream.acceptWaveform({ samples: Float32Array.from(pcm, (s) => s / FULL_SCALE), sampleRate: STT_SAMPLE_RATE }),
          finish: async () => {
            signal.throwIfAborted()
            try {
              const { text } = await recognizer.decodeAsync(stream)
              signal.throwIfAborted()
              return text.trim()
            } catch (thrown) {
              signal.throwIfAborted()
              const message = 'The provider (sherpa) could not read this utterance; try again.'
              throw new AvatarError('PROVIDER_FAILED', message, { provider: 'sherpa' }, { cause: thrown })
            }
          },
        }
      },
      close: () => undefined,
    }),
    close: async () => undefined,
  }
}

async function loadPackage(): Promise<SherpaModule> {
  try {
    const name: string = PACKAGE
    const loaded = (await import(name)) as SherpaModule & { default?: SherpaModule }
    return loaded.default ?? loaded
  } catch (thrown) {
    throw new Error(`STT_PROVIDER=sherpa needs a package that is not installed: ${INSTALL}`, { cause: thrown })
  }
}

/** The engine's description of a model, by the names that its publishers give the files; smaller int8 files are preferred. */
function describeModel(dir: string): Record<string, unknown> {
  if (!existsSync(dir)) throw new Error(`SHERPA_MODEL_DIR=${dir}: there is no such folder`)
  const files = readdirSync(dir).toSorted((a, b) => Number(b.includes('int8')) - Number(a.includes('int8')))
  const find = (name: RegExp): string | undefined => {
    const file = files.find((one) => name.test(one))
    return file && join(dir, file)
  }
  const tokens = find(/tokens\.txt$/)
  if (!tokens) throw new Error(`SHERPA_MODEL_DIR=${dir}: tokens.txt is missing`)
  const [encoder, decoder, joiner] = [find(/encoder.*\.onnx$/), find(/decoder.*\.onnx$/), find(/joiner.*\.onnx$/)]
  if (encoder && decoder && joiner) return { tokens, transducer: { encoder, decoder, joiner } }
  if (encoder && decoder) return { tokens, whisper: { encoder, decoder } }
  const [preprocessor, encode] = [find(/^preprocess.*\.onnx$/), find(/^encode.*\.onnx$/)]
  const [uncachedDecoder, cachedDecoder] = [find(/^uncached_decode.*\.onnx$/), find(/^cached_decode.*\.onnx$/)]
  if (preprocessor && encode && uncachedDecoder && cachedDecoder) {
    return { tokens, moonshine: { preprocessor, encoder: encode, uncachedDecoder, cachedDecoder } }
  }
  const model = find(/^model.*\.onnx$/)
  if (model) return { tokens, senseVoice: { model, useInverseTextNormalization: 1 } }
  throw new Error(`SHERPA_MODEL_DIR=${dir}: no model of a known kind (transducer, whisper, moonshine, sense-voice) is in it`)
}
