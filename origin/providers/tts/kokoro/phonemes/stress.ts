/**
 * Stress marks and the kinds of Kokoro's symbols. What the network was trained on is the output of misaki
 * (https://github.com/hexgrad/misaki); its marks stand before the syllable's vowel.
 */
export const PRIMARY = 'ˈ'
const SECONDARY = 'ˌ'
export const VOWELS: ReadonlySet<string> = new Set('AIOQWYaiuæɑɒɔəɛɜɪʊʌᵻɐ')
export const CONSONANTS: ReadonlySet<string> = new Set('bdfhjklmnpstvwzðŋɡɹɾTʃʒʤʧθ')
/** They weigh two. */
const LONG: ReadonlySet<string> = new Set('AIOQWYʤʧ')

/** As it is written: in small letters, with a capital, in capitals. */
export type Emphasis = 'none' | 'some' | 'full'

/** A word that a capital begins is never without stress; one in capitals has a primary one. */
export function emphasized(sound: string, emphasis: Emphasis): string {
  if (emphasis === 'none' || sound.includes(PRIMARY)) return sound
  if (sound.includes(SECONDARY)) return emphasis === 'full' ? sound.replace(SECONDARY, PRIMARY) : sound
  return marked(sound, emphasis === 'full' ? PRIMARY : SECONDARY)
}

/** With a mark before its first vowel. */
function marked(sound: string, mark: string): string {
  const vowel = [...sound].findIndex((symbol) => VOWELS.has(symbol))
  return vowel < 0 ? sound : sound.slice(0, vowel) + mark + sound.slice(vowel)
}

/** Primary stress becomes secondary. */
function weakened(sound: string): string {
  return sound.includes(PRIMARY) ? sound.replaceAll(SECONDARY, '').replaceAll(PRIMARY, SECONDARY) : sound
}

/** Names of letters as one word: the last has the stress. */
export function spelled(letters: readonly string[]): string {
  const sound = weakened(letters.join(''))
  const last = sound.lastIndexOf(SECONDARY)
  return last < 0 ? sound : sound.slice(0, last) + PRIMARY + sound.slice(last + 1)
}

/** Parts of a compound as one word: the lighter half of them loses its primary stress. */
export function compounded(parts: readonly { text: string; sound: string }[]): string {
  const sounds = parts.map(({ sound }) => sound)
  const heard = parts
    .map(({ text, sound }, index) => ({ text, index, isStressed: sound.includes(PRIMARY), weight: weightOf(sound) }))
    .filter(({ weight }) => weight > 0)
  const stressed = heard.filter(({ isStressed }) => isStressed).length
  const [first, second] = heard
  if (first && second && heard.length === 2 && first.text.length === 1) {
    sounds[second.index] = weakened(sounds[second.index] ?? '')
  } else if (heard.length > 1 && stressed > Math.floor((heard.length + 1) / 2)) {
    const lightest = heard.sort((a, b) => Number(a.isStressed) - Number(b.isStressed) || a.weight - b.weight || a.index - b.index)
    for (const { index } of lightest.slice(0, Math.floor(heard.length / 2))) sounds[index] = weakened(sounds[index] ?? '')
  }
  return sounds.join('')
}

/** Two words written as one have their stress on the first ("webhook"); letters keep theirs ("OpenAI"). */
export function joined(parts: readonly { text: string; sound: string }[]): string {
  const [first, second, ...others] = parts
  if (!first || !second || others.length > 0 || /^[A-Z]{2,}/.test(second.text) || first.text.length === 1) return compounded(parts)
  return first.sound + (first.sound.includes(PRIMARY) ? weakened(second.sound) : second.sound)
}

function weightOf(sound: string): number {
  let weight = 0
  for (const symbol of sound) weight += LONG.has(symbol) ? 2 : 1
  return weight
}
