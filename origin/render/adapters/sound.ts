/** Which audio features each kind of model takes. */
import type { SoundFeatures } from './types.ts'
import { wav2lipSound } from './wav2lip-mel.ts'

const FEATURES: Readonly<Record<string, SoundFeatures>> = { wav2lip: wav2lipSound }

/** Features of the first layer that sound drives; undefined where none is. */
export function soundFeatures(layers: readonly { kind: string }[]): SoundFeatures | undefined {
  for (const { kind } of layers) {
    const features = FEATURES[kind]
    if (features !== undefined) return features
  }
  return undefined
}
