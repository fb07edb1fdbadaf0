/**
 * Brings wide-gamut and HDR pixels to sRGB. The scaler of FFmpeg 8.1 does this by itself, but turns skin purple, so it is told
 * that there is nothing to do, and this comes after it.
 */
import {
  AVCOL_PRI_BT2020,
  AVCOL_PRI_SMPTE431,
  AVCOL_PRI_SMPTE432,
  AVCOL_TRC_ARIB_STD_B67,
  AVCOL_TRC_SMPTE2084,
  type AVColorPrimaries,
  type AVColorTransferCharacteristic,
} from 'node-av/constants'

/** Linear RGB of these primaries to linear sRGB, row by row (both with the white of D65). */
const BT2020_TO_SRGB = [1.6605, -0.5876, -0.0728, -0.1246, 1.1329, -0.0083, -0.0182, -0.1006, 1.1187]
const P3_TO_SRGB = [1.2249, -0.2247, 0, -0.042, 1.0419, 0, -0.0197, -0.0786, 1.0979]
const IDENTITY = [1, 0, 0, 0, 1, 0, 0, 0, 1]
const MATRICES = new Map<AVColorPrimaries, readonly number[]>([
  [AVCOL_PRI_BT2020, BT2020_TO_SRGB],
  [AVCOL_PRI_SMPTE431, P3_TO_SRGB],
  [AVCOL_PRI_SMPTE432, P3_TO_SRGB],
])
/** Light of a white wall or paper, cd/m2 (ITU-R BT.2408); what is brighter is brought down to fit. */
const WHITE_NITS = 203
/** Peak of the display that HLG is seen on, cd/m2, and its exponent (ITU-R BT.2100). */
const HLG_NITS = 1_000
const HLG_GAMMA = 1.2
/** Share of white from which highlights are pressed together. */
const KNEE = 0.75
/** Steps of the table from light to sRGB; fewer would show in the shadows. */
const LIGHT_STEPS = 16_384

type ToLight = (signal: number) => number
const TRANSFERS = new Map<AVColorTransferCharacteristic, ToLight>([
  [AVCOL_TRC_SMPTE2084, pqLight],
  [AVCOL_TRC_ARIB_STD_B67, hlgScene],
])

/** Makes sRGB of pixels: 16 bits a channel, native byte order, into 8 bits a channel. */
export type ColourMap = (from: Uint16Array, into: Uint8Array) => void

const maps = new Map<string, ColourMap>()

/** Undefined for what is shown as it is: sRGB, BT.601, BT.709 and whatever does not say. */
export function colourMap(primaries: AVColorPrimaries, transfer: AVColorTransferCharacteristic): ColourMap | undefined {
  const toLight = TRANSFERS.get(transfer)
  const matrix = MATRICES.get(primaries)
  if (toLight === undefined && matrix === undefined) return undefined
  const key = `${primaries} ${transfer}`
  const made = maps.get(key) ?? createMap(matrix ?? IDENTITY, toLight ?? srgbLight, transfer === AVCOL_TRC_ARIB_STD_B67)
  maps.set(key, made)
  return made
}

function createMap(matrix: readonly number[], toLight: ToLight, hlg: boolean): ColourMap {
  const light = Float32Array.from({ length: 65_536 }, (_, i) => toLight(i / 65_535))
  const srgb = Uint8Array.from({ length: LIGHT_STEPS + 1 }, (_, i) => Math.round(255 * srgbSignal(i / LIGHT_STEPS)))
  const [rr, rg, rb, gr, gg, gb, br, bg, bb] = matrix as [number, number, number, number, number, number, number, number, number]
  const level = (value: number): number => srgb[Math.round(Math.min(1, Math.max(0, value)) * LIGHT_STEPS)] as number
  return (from, into) => {
    for (let i = 0; i + 2 < into.length; i += 3) {
      const r = light[from[i] as number] as number
      const g = light[from[i + 1] as number] as number
      const b = light[from[i + 2] as number] as number
      const gain = hlg ? hlgGain(r, g, b) : 1
      const top = gain * Math.max(r, g, b)
      const scale = top > KNEE ? (gain * (KNEE + (1 - KNEE) * (1 - Math.exp((KNEE - top) / (1 - KNEE))))) / top : gain
      into[i] = level(scale * (rr * r + rg * g + rb * b))
      into[i + 1] = level(scale * (gr * r + gg * g + gb * b))
      into[i + 2] = level(scale * (br * r + bg * g + bb * b))
    }
  }
}

/** SMPTE ST 2084, in shares of white. */
function pqLight(signal: number): number {
  const root = signal ** (1 / 78.84375)
  return (10_000 * (Math.max(0, root - 0.8359375) / (18.8515625 - 18.6875 * root)) ** (1 / 0.1593017578125)) / WHITE_NITS
}

/** ARIB STD-B67: the scene's light, 0..1; the display's follows by `hlgGain`. */
function hlgScene(signal: number): number {
  return signal <= 0.5 ? signal ** 2 / 3 : (Math.exp((signal - 0.55991073) / 0.17883277) + 0.28466892) / 12
}

/** From the scene's light to the display's, in shares of white. */
function hlgGain(r: number, g: number, b: number): number {
  const brightness = 0.2627 * r + 0.678 * g + 0.0593 * b
  return (HLG_NITS / WHITE_NITS) * Math.max(1e-9, brightness) ** (HLG_GAMMA - 1)
}

function srgbLight(signal: number): number {
  return signal <= 0.04045 ? signal / 12.92 : ((signal + 0.055) / 1.055) ** 2.4
}

function srgbSignal(light: number): number {
  return light <= 0.0031308 ? 12.92 * light : 1.055 * light ** (1 / 2.4) - 0.055
}
