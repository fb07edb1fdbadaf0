/** What the quality report shows and plays to models that sound drives. */
import { FPS } from '../../shared/media.ts'
import { soundFeatures } from '../render/adapters/sound.ts'
import { cropPatch } from '../render/compose/crop.ts'
import type { PackLayer } from '../render/pack/pack.ts'

/** What lies under a layer's patch in a frame of the clip. */
export function referenceOf({ width, height, grid }: PackLayer, rgb: Uint8Array, size: number, placement: Float32Array): Uint8Array {
  const out = new Uint8Array(3 * width * height)
  cropPatch({ rgb, size, clipSize: size, placement, grid, width, height, out })
  return out
}

/** A fifth of a second and more of silence, or of a vowel: a buzz of 120 Hz with the formants of an open mouth. */
const SOUND_S = 1
export const silence = (): number => 0
export const vowel = (t: number): number => {
  let sum = 0
  for (let harmonic = 1; harmonic <= 24; harmonic++) {
    const hz = 120 * harmonic
    const resonance = 1 / (1 + ((hz - 750) / 120) ** 2) + 0.6 / (1 + ((hz - 1200) / 150) ** 2) + 0.2 / (1 + ((hz - 2500) / 250) ** 2)
    sum += resonance * Math.sin(2 * Math.PI * hz * t)
  }
  return 0.2 * sum
}

/** A window from the middle of a sound; empty where face parameters drive the layer. */
export function soundWindow(layer: PackLayer, sound: (t: number) => number): Float32Array {
  const features = soundFeatures([layer])
  if (features === undefined) return new Float32Array(0)
  const stream = features.open()
  stream.push(Float32Array.from({ length: SOUND_S * features.sampleRate }, (_, i) => sound(i / features.sampleRate)))
  return stream.window(FPS >> 1)
}
