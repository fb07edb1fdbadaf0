/** CMU phones (as the CMU dictionary, Flite and Festival name them) as mouth shapes. */
import { VISEMES, type Viseme } from '../../shared/face.ts'

/** Row index of a viseme. */
export const VISEME_INDEX = Object.fromEntries(VISEMES.map((name, index) => [name, index])) as Record<Viseme, number>

/** A shape and the share of the phone's time that it takes. */
export type VisemeShare = readonly [viseme: Viseme, share: number]

const PHONES_OF: Partial<Record<Viseme, string>> = {
  sil: 'pau # h# sil sp ssil brth',
  PP: 'p b m em',
  FF: 'f v',
  TH: 'th dh',
  DD: 't d dx',
  nn: 'n l en el nx',
  kk: 'k g ng',
  CH: 'ch jh sh zh',
  SS: 's z',
  RR: 'r er axr',
  aa: 'aa ah ae',
  E: 'eh ax',
  ih: 'ih iy y ix',
  oh: 'ao',
  ou: 'w uw uh ux',
}
/** Diphthongs move; they spend a little longer in their first shape. */
const DIPHTHONG_SPLIT = 0.55
const DIPHTHONGS: Record<string, readonly [Viseme, Viseme]> = {
  ow: ['oh', 'ou'],
  ey: ['E', 'ih'],
  ay: ['aa', 'ih'],
  aw: ['aa', 'ou'],
  oy: ['oh', 'ih'],
}

const table = new Map<string, readonly VisemeShare[]>()
for (const viseme of VISEMES) for (const phone of PHONES_OF[viseme]?.split(' ') ?? []) table.set(phone, [[viseme, 1]])
for (const [phone, [from, to]] of Object.entries(DIPHTHONGS)) {
  table.set(phone, [
    [from, DIPHTHONG_SPLIT],
    [to, 1 - DIPHTHONG_SPLIT],
  ])
}

/** The breath of /h/ has the shape of the vowel that follows. */
export function takesNextShape(phone: string): boolean {
  return phone === 'hh' || phone === 'h' || phone === 'hv'
}

/** Shapes of a phone in order, shares summing to 1; empty for a name that is not known. Stress digits are ignored. */
export function visemesOf(phone: string): readonly VisemeShare[] {
  return table.get(phone.toLowerCase().replace(/\d$/, '')) ?? []
}
