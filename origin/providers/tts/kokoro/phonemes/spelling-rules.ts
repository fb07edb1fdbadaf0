/** CMU phones of a word by simple letter rules: the last resort, for when no pronouncer answers in time. Rough, and never silent. */

/** In the order of their right; matched at the place that is reached, against the word in small letters. */
const RULES: readonly (readonly [pattern: RegExp, phones: string])[] = [
  [/([bcdfgklmnprstvz])(?=\1)/y, ''],
  [/tch|cz|ch/y, 'ch'],
  [/sch|sz|sh/y, 'sh'],
  [/zh/y, 'zh'],
  [/th/y, 'th'],
  [/ph/y, 'f'],
  [/wh/y, 'w'],
  [/kh|ck/y, 'k'],
  [/dg(?=e)/y, 'jh'],
  [/(?<!^)gh/y, ''],
  [/gh/y, 'g'],
  [/^(?:kn|gn)/y, 'n'],
  [/^wr/y, 'r'],
  [/^x/y, 'z'],
  [/qu/y, 'k w'],
  [/q/y, 'k'],
  [/ng(?![aeiouy])/y, 'ng'],
  [/c(?=[eiy])/y, 's'],
  [/g(?=[eiy])/y, 'jh'],
  [/x/y, 'k s'],
  [/[tsc]ion/y, 'sh ax n'],
  [/igh/y, 'ay'],
  [/ee|ea|ie/y, 'iy'],
  [/oo|ou|ue|ui|eu|ew/y, 'uw'],
  [/ai|ay|ei|ey/y, 'ey'],
  [/au|aw/y, 'ao'],
  [/oa|oe|ow(?![aeiou])/y, 'ow'],
  [/oi|oy/y, 'oy'],
  [/ar(?![aeiouy])/y, 'aa r'],
  [/[eiu]r(?![aeiouy])/y, 'er'],
  [/or/y, 'ao r'],
  [/y(?=[aeiou])/y, 'y'],
  [/a(?=[^aeiouy]e$)/y, 'ey'],
  [/i(?=[^aeiouy]e$)/y, 'ay'],
  [/o(?=[^aeiouy]e$)/y, 'ow'],
  [/u(?=[^aeiouy]e$)/y, 'uw'],
  [/(?<=[^aeiouy])e$/y, ''],
  [/a$/y, 'ax'],
  [/[iy]$/y, 'iy'],
  [/o(?=$|[^aeiouy][aeiouy])/y, 'ow'],
  [/u$/y, 'uw'],
  [/a/y, 'ae'],
  [/e/y, 'eh'],
  [/[iy]/y, 'ih'],
  [/o/y, 'aa'],
  [/u/y, 'ah'],
  [/c/y, 'k'],
  [/h/y, 'hh'],
  [/j/y, 'jh'],
  [/[bdfgklmnprstvwz]/y, '$&'],
]

/** None for a word without vowels. */
export function phonesBySpelling(spelling: string): string[] {
  const word = spelling.toLowerCase().replace(/[^a-z]/g, '')
  if (!/[aeiouy]/.test(word)) return []
  const phones: string[] = []
  let at = 0
  while (at < word.length) {
    let length = 0
    for (const [pattern, sounds] of RULES) {
      pattern.lastIndex = at
      const match = pattern.exec(word)
      if (!match) continue
      length = match[0].length
      if (sounds !== '') phones.push(...(sounds === '$&' ? match[0] : sounds).split(' '))
      break
    }
    at += Math.max(1, length)
  }
  return phones
}
