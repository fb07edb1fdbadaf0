/**
 * Mouth from known phones. Neighbouring sounds shape each other: every shape rises and falls around its sound by a
 * dominance function, and a row is their weighted mean. Lips that must meet then do meet.
 *
 * M. Cohen and D. Massaro, "Modeling coarticulation in synthetic visual speech", in Models and Techniques in Computer
 * Animation, Springer 1993: D(t) = a * exp(-theta * |t|).
 */
import { VISEMES, type Viseme } from '../../shared/face.ts'
import { MOUTH_FPS } from '../../shared/media.ts'
import type { Phone } from '../providers/tts/types.ts'
import { takesNextShape, VISEME_INDEX, visemesOf } from './cmu-visemes.ts'
import type { MouthFrames } from './types.ts'

/**
 * `strength`: how much a shape insists against its neighbours; lips insist, the tongue yields to vowels. That lips meet
 * in the end is up to `CONTACT`, so they need not insist so much here that the vowels between them cannot open.
 * `decay`, 1/s: how fast it comes and goes.
 */
const DOMINANCE: Record<Viseme, { strength: number; decay: number }> = {
  sil: { strength: 0.9, decay: 22 },
  PP: { strength: 2.2, decay: 40 },
  FF: { strength: 2, decay: 36 },
  TH: { strength: 1.2, decay: 28 },
  DD: { strength: 0.55, decay: 26 },
  kk: { strength: 0.45, decay: 24 },
  CH: { strength: 1.5, decay: 20 },
  SS: { strength: 1, decay: 26 },
  nn: { strength: 0.5, decay: 26 },
  RR: { strength: 1, decay: 20 },
  aa: { strength: 1.1, decay: 17 },
  E: { strength: 1, decay: 17 },
  ih: { strength: 0.9, decay: 17 },
  oh: { strength: 1.2, decay: 16 },
  ou: { strength: 1.4, decay: 15 },
}
/** Half of a shape's time around its middle counts as its middle; of a pause, all of it. */
const FLAT_SHARE = 0.25
const FLAT_SHARE_PAUSE = 0.5
/** s; shorter sounds are reached less. */
const SHORT_S = 0.045
const SHORT_FACTOR = 0.8
/** s around a shape beyond which it is no longer felt. */
const REACH_S = 0.3

/** How surely the lips meet (PP) or the teeth touch the lip (FF) in the middle of their sounds. */
const CONTACT: Partial<Record<Viseme, number>> = { PP: 0.97, FF: 0.88 }
/** Contact holds for this share of the sound to either side of its middle, and never less than one frame in all. */
const CONTACT_HOLD_SHARE = 0.25
const CONTACT_MIN_HOLD_S = 0.021
/** s; lips take about this long to close. */
const CONTACT_RAMP_S = 0.045

/** s; a pause longer than this closes the mouth, a shorter one only lets it fall a little. */
const REST_PAUSE_S = 0.15
/** s in which the mouth comes to rest, and s before a sound in which it begins to open. */
const CLOSING_S = 0.1
const OPENING_S = 0.08

/** A shape in time, seconds. */
interface Unit {
  viseme: Viseme
  startS: number
  endS: number
}

/**
 * The mouth for a clause whose phones are known.
 *
 * @param phones in order; gaps between and after them are pauses
 * @returns ceil(durationS * MOUTH_FPS) rows that sum to 1
 */
export function mouthFromPhones(phones: readonly Phone[], durationS: number): MouthFrames {
  // A hair less, so that a duration of whole rows does not become one more by rounding.
  const rows = Math.max(0, Math.ceil(durationS * MOUTH_FPS - 1e-6))
  const units = unitsOf(phones, durationS)
  const mouth = blend(units, rows)
  for (const [index, unit] of units.entries()) {
    if (unit.viseme === 'sil') rest(mouth, unit, { isFirst: index === 0, isLast: index === units.length - 1 })
  }
  for (const [index, unit] of units.entries()) contact(mouth, unit, units[index - 1], units[index + 1])
  return mouth
}

/** Shapes in order without gaps; equal neighbours are one, so that lips stay shut through "number". */
function unitsOf(phones: readonly Phone[], durationS: number): Unit[] {
  const units: Unit[] = []
  const add = (viseme: Viseme, startS: number, endS: number) => {
    const before = units.at(-1)
    if (before?.viseme === viseme) before.endS = endS
    else if (endS > startS) units.push({ viseme, startS, endS })
  }
  let breathFrom: number | undefined
  let at = 0
  for (const { name, startS, endS } of phones) {
    if (startS > at + 1e-3) add('sil', at, startS)
    at = Math.max(at, endS)
    if (takesNextShape(name)) {
      breathFrom ??= startS
      continue
    }
    const shares = visemesOf(name)
    // An unknown sound keeps the mouth as it was.
    const before = units.at(-1)
    if (shares.length === 0 && before) before.endS = endS
    let from = breathFrom !== undefined && shares[0]?.[0] !== 'sil' ? breathFrom : startS
    breathFrom = undefined
    let covered = 0
    for (const [viseme, share] of shares) {
      covered += share
      const until = startS + (endS - startS) * covered
      add(viseme, from, until)
      from = until
    }
  }
  if (durationS > at + 1e-3) add('sil', at, durationS)
  return units
}

function blend(units: readonly Unit[], rows: number): MouthFrames {
  const mouth = new Float32Array(rows * VISEMES.length)
  for (const { viseme, startS, endS } of units) {
    const { strength, decay } = DOMINANCE[viseme]
    const middleS = (startS + endS) / 2
    const flatS = (endS - startS) * (viseme === 'sil' ? FLAT_SHARE_PAUSE : FLAT_SHARE)
    const peak = viseme === 'sil' || endS - startS > SHORT_S ? strength : strength * SHORT_FACTOR
    const from = Math.max(0, Math.floor((middleS - flatS - REACH_S) * MOUTH_FPS))
    const to = Math.min(rows, Math.ceil((middleS + flatS + REACH_S) * MOUTH_FPS) + 1)
    for (let row = from; row < to; row++) {
      const distanceS = Math.max(0, Math.abs(row / MOUTH_FPS - middleS) - flatS)
      const at = row * VISEMES.length + VISEME_INDEX[viseme]
      mouth[at] = Math.max(mouth[at] ?? 0, peak * Math.exp(-decay * distanceS))
    }
  }
  for (let row = 0; row < rows; row++) normalize(mouth.subarray(row * VISEMES.length, (row + 1) * VISEMES.length))
  return mouth
}

/** Weights that sum to 1; a row that nothing reaches is at rest. */
function normalize(row: Float32Array): void {
  let sum = 0
  for (const weight of row) sum += weight
  if (sum < 1e-4) {
    row.fill(0)
    row[VISEME_INDEX.sil] = 1
    return
  }
  for (let i = 0; i < row.length; i++) row[i] = (row[i] ?? 0) / sum
}

/** Brings the mouth to rest in a pause that is long enough, and always at the end of the clause. */
function rest(mouth: MouthFrames, { startS, endS }: Unit, { isFirst, isLast }: { isFirst: boolean; isLast: boolean }): void {
  const lengthS = endS - startS
  if (lengthS <= REST_PAUSE_S && !isFirst && !isLast) return
  // In a short pause both movements share what time there is; the last row of a clause is at rest in any case.
  const available = isLast ? Math.max(0, lengthS - 1 / MOUTH_FPS) : lengthS - (isFirst ? 0 : 1 / MOUTH_FPS)
  const closingS = isFirst ? 0 : Math.min(CLOSING_S, isLast ? available : available * 0.55)
  const openingS = isLast ? 0 : Math.min(OPENING_S, isFirst ? available : available * 0.45)
  eachRow(mouth, startS, endS, (row, timeS) => {
    const sinceStart = closingS === 0 ? 1 : smoothStep((timeS - startS) / closingS)
    const beforeEnd = openingS === 0 ? 1 : smoothStep((endS - timeS) / openingS)
    pull(row, 'sil', Math.min(sinceStart, beforeEnd))
  })
}

/** Makes the lips (or lip and teeth) meet in the middle of a sound that cannot be made otherwise. */
function contact(mouth: MouthFrames, { viseme, startS, endS }: Unit, before: Unit | undefined, after: Unit | undefined): void {
  const target = CONTACT[viseme]
  if (target === undefined) return
  const middleS = (startS + endS) / 2
  const holdS = Math.max(CONTACT_MIN_HOLD_S, (endS - startS) * CONTACT_HOLD_SHARE)
  // Next to another contact ("of paper") each keeps to its own time.
  const fromS = before && before.viseme in CONTACT ? startS : middleS - holdS - CONTACT_RAMP_S
  const toS = after && after.viseme in CONTACT ? endS : middleS + holdS + CONTACT_RAMP_S
  eachRow(mouth, fromS, toS, (row, timeS) => {
    const beyondS = Math.max(0, Math.abs(timeS - middleS) - holdS)
    const wanted = target * smoothStep(1 - beyondS / CONTACT_RAMP_S)
    const has = row[VISEME_INDEX[viseme]] ?? 0
    if (wanted > has) pull(row, viseme, (wanted - has) / (1 - has))
  })
}

function eachRow(mouth: MouthFrames, fromS: number, toS: number, visit: (row: Float32Array, timeS: number) => void): void {
  const rows = mouth.length / VISEMES.length
  const last = Math.min(rows - 1, Math.floor(toS * MOUTH_FPS))
  for (let row = Math.max(0, Math.ceil(fromS * MOUTH_FPS)); row <= last; row++) {
    visit(mouth.subarray(row * VISEMES.length, (row + 1) * VISEMES.length), row / MOUTH_FPS)
  }
}

/** Moves a row towards one shape; its sum stays 1. @internal */
export function pull(row: Float32Array, viseme: Viseme, by: number): void {
  for (let i = 0; i < row.length; i++) row[i] = (row[i] ?? 0) * (1 - by)
  const at = VISEME_INDEX[viseme]
  row[at] = (row[at] ?? 0) + by
}

/** 0 below 0, 1 above 1, smooth between. */
function smoothStep(x: number): number {
  const t = Math.min(1, Math.max(0, x))
  return t * t * (3 - 2 * t)
}
