import { beforeAll, describe, expect, it } from 'vitest'
import { cmuOf, Phonemizer, phonesOf } from '../../../../../origin/providers/tts/kokoro/phonemes/index.ts'
import { Lexicon } from '../../../../../origin/providers/tts/kokoro/phonemes/lexicon.ts'
import type { Pronouncer } from '../../../../../origin/providers/tts/types.ts'
import { SPOKEN } from './phoneme-cases.ts'

const LEXICON = 'models/voice/lexicon-us.txt.gz'
/** All symbols of the network. */
const VOCABULARY = new Set(
  ';:,.!?—…"()“” ̃ʣʥʦʨᵝꭧAIOQSTWYᵊabcdefhijklmnopqrstuvwxyzɑɐɒæβɔɕçɖðʤəɚɛɜɟɡɥɨɪʝɯɰŋɳɲɴøɸθœɹɾɻʁɽʂʃʈʧʊʋʌɣɤχʎʒʔˈˌːʰʲ↓→↗↘ᵻ',
)
let plain: Phonemizer
beforeAll(async () => {
  plain = await Phonemizer.load({ lexiconPath: LEXICON })
})

/** Knows the words that it is given; remembers what it was asked. */
class FakePronouncer implements Pronouncer {
  readonly asked: string[] = []
  readonly #phones: Record<string, string>
  constructor(phones: Record<string, string>) {
    this.#phones = phones
  }
  async pronounce(words: readonly string[]): Promise<readonly string[][]> {
    this.asked.push(...words)
    return words.map((word) => this.#phones[word]?.split(' ') ?? [])
  }
  async close(): Promise<void> {}
}

describe('phonemes', () => {
  it.each(SPOKEN)('of %j', async (written, phonemes) => {
    expect((await plain.phonemize(written)).phonemes).toBe(phonemes)
  })

  it('have the place of each written word', async () => {
    const text = 'Well, the FBI paid $5 — 你好 "now".'
    const { phonemes, words } = await plain.phonemize(text)
    expect(words.map((word) => word.text)).toEqual(['Well,', 'the', 'FBI', 'paid', '$5 —', '你好', '"now".'])
    expect(words.map(({ from, to }) => text.slice(from, to))).toEqual(words.map((word) => word.text))
    expect(words.map(({ phonemesFrom, phonemesTo }) => phonemes.slice(phonemesFrom, phonemesTo))).toEqual([
      'wˈɛl',
      'ði',
      'ˌɛfbˌiˈI',
      'pˈAd',
      'fˈIv dˈɑləɹz',
      '',
      'nˈW',
    ])
  })

  it('are none where nothing can be said', async () => {
    const { phonemes, words } = await plain.phonemize('你好 🎉')
    expect(phonemes).toBe('')
    expect(words.map(({ phonemesFrom, phonemesTo }) => [phonemesFrom, phonemesTo])).toEqual([[0, 0]])
    expect(await plain.phonemize('')).toEqual({ phonemes: '', words: [] })
  })

  it('of unknown words come from the pronouncer, asked once a clause', async () => {
    const pronouncer = new FakePronouncer({
      Wozniacki: 'w aa z n iy ae k iy',
      Takahashi: 't aa k aa hh aa sh iy',
      glympration: 'g l ih m p r ey sh ax n',
      blorrity: 'b l ao r ax t iy',
    })
    const phonemizer = await Phonemizer.load({ lexiconPath: LEXICON, pronouncer })
    const { phonemes } = await phonemizer.phonemize("Wozniacki's and Takahashi, glympration; blorrity hello")
    expect(phonemes).toBe('wˌɑzniˈækiz ænd tˌɑkɑhˈɑʃi, ɡlɪmpɹˈAʃən; blˈɔɹəTi həlˈO')
    expect(pronouncer.asked).toEqual(['Wozniacki', 'Takahashi', 'glympration', 'blorrity'])
  })

  it('of unknown words have the vowel that is spelt where the engine has one name for two', async () => {
    const pronouncer = new FakePronouncer({ Zuckerberg: 'z aa k er b er g', Hobbema: 'hh aa b ax m ax' })
    const phonemizer = await Phonemizer.load({ lexiconPath: LEXICON, pronouncer })
    expect((await phonemizer.phonemize('Zuckerberg Hobbema')).phonemes).toBe('zˈʌkəɹbəɹɡ hˈɑbəmə')
  })

  it.each([
    ['vroxlim', 'vɹˈɑkslɪm'],
    ['Kowalczyk', 'kˈOwælʧɪk'],
    ['zzqxb', 'zˌizˌikjˌuˌɛksbˈi'],
  ])('of words that the pronouncer does not know are read by their letters: %s', async (written, phonemes) => {
    const phonemizer = await Phonemizer.load({ lexiconPath: LEXICON, pronouncer: new FakePronouncer({}) })
    expect((await phonemizer.phonemize(written)).phonemes).toBe(phonemes)
  })

  it('are symbols of the network only, in order, for any text', async () => {
    let seed = 7
    const next = (below: number): number => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
      return Math.floor((seed / 2_147_483_648) * below)
    }
    const pieces = [
      ...SPOKEN.flatMap(([written]) => written.split(' ')),
      ...`. , ! ? " “ ” ' ’ ( ) [ ] — - -- … / \\ * # @ % & + = < > _ ~`.split(' '),
    ]
    const ranges = [0x80, 0x250, 0x370, 0x600, 0x2000, 0x2200, 0x3000, 0xd7ff, 0xf900, 0x1_f300] as const
    for (let round = 0; round < 400; round++) {
      let text = ''
      while (text.length < 60) {
        const kind = next(4)
        if (kind < 2) text += `${pieces[next(pieces.length)]}${next(3) ? ' ' : ''}`
        else text += String.fromCodePoint(kind === 2 ? next(0x180) : (ranges[next(ranges.length)] ?? 0) + next(0x100))
      }
      const { phonemes, words } = await plain.phonemize(text)
      expect(
        [...phonemes].filter((symbol) => !VOCABULARY.has(symbol)),
        text,
      ).toEqual([])
      expect(phonemes, text).not.toMatch(/^\s|\s$| {2}/)
      let at = 0
      let atPhonemes = 0
      for (const word of words) {
        expect(word.text, text).toBe(text.slice(word.from, word.to))
        expect(word.from, text).toBeGreaterThanOrEqual(at)
        expect(word.phonemesFrom, text).toBeGreaterThanOrEqual(atPhonemes)
        expect(word.phonemesTo, text).toBeGreaterThanOrEqual(word.phonemesFrom)
        at = word.to
        atPhonemes = word.phonemesTo
      }
      expect(atPhonemes, text).toBeLessThanOrEqual(phonemes.length)
    }
  })

  it.each(['a'.repeat(5_000), "'".repeat(3_000), '-a'.repeat(2_000), 'A '.repeat(2_000), 'ing'.repeat(1_000), '\ud800', 'un'.repeat(500)])(
    'do not fail: %j',
    async (text) => {
      expect(typeof (await plain.phonemize(text)).phonemes).toBe('string')
    },
  )
})

describe('British phonemes', () => {
  let british: Phonemizer
  beforeAll(async () => {
    const pronouncer = new FakePronouncer({ Takahashi: 't aa k aa hh aa sh iy', Norberg: 'n ao r b er g' })
    british = await Phonemizer.load({ lexiconPath: 'models/voice/lexicon-uk.txt.gz', accent: 'uk', pronouncer })
  })

  it.each([
    ["Hello, I bought a car for my father. It's better.", 'həlˈQ, ˌI bˈɔːt ɐ kˈɑː fɔː mI fˈɑːðə. ˌɪts bˈɛtə.'],
    ['The tomato schedule, a new tune.', 'ðə təmˈɑːtQ ʃˈɛdjuːl, ɐ njˈuː tjˈuːn.'],
    ['He waited, starring in it', 'hˌiː wˈAtɪd, stˈɑːɹɪŋ ɪn ɪt'],
    ['webhooks, googling, tokenizers', 'wˈɛbhˌʊks, ɡˈuːɡᵊlɪŋ, tˈQkənIzəz'],
    ['Takahashi and Norberg', 'tˌɑːkɑːhˈɑːʃi and nˈɔːbəɡ'],
    ['The lead pipes and my resume', 'ðə lˈɛd pˈIps and mI ɹˈɛzəmˌA'],
    ['the end of the hour', 'ði ˈɛnd ɒv ði ˈWə'],
    ['from A to Z', 'fɹɒm ˈA tə zˈɛd'],
  ])('of %j', async (written, phonemes) => {
    expect((await british.phonemize(written)).phonemes).toBe(phonemes)
  })
})

describe('lexicon', () => {
  it('finds every one of its words', async () => {
    const lexicon = await Lexicon.load(LEXICON)
    for (const word of ["'Ndrangheta", 'A', 'a', 'Polish', 'polish', 'zymurgy', 'well-being', 'zzz']) {
      expect(lexicon.find(word) !== undefined, word).toBe(word !== 'zzz' || lexicon.has('zzz'))
    }
    expect(lexicon.find('Polish')?.sound).not.toBe(lexicon.find('polish')?.sound)
    expect(lexicon.find('PRESENT')).toEqual({ sound: 'pɹˈɛzᵊnt', byTag: { VERB: 'pɹizˈɛnt' } })
    expect(lexicon.find('')).toBeUndefined()
    expect(lexicon.find('present\tx')).toBeUndefined()
  })

  it('is refused when it is no lexicon', async () => {
    await expect(Lexicon.load('package.json')).rejects.toThrow()
    await expect(Lexicon.load('models/voice/none.gz')).rejects.toThrow('ENOENT')
  })
})

describe('phones for the mouth', () => {
  it('have a name for every symbol that sounds, and none for marks', () => {
    const marks = [...VOCABULARY].filter((symbol) => cmuOf(symbol) === undefined)
    expect(marks.join('')).toBe('̃ˈˌː↓→↗↘')
  })

  it('cover the durations without gaps', () => {
    const phones = phonesOf('hˈI, jˈu ɑː.', [0.05, 0.02, 0.1, 0.2, 0.1, 0.05, 0, 0.1, 0.02, 0.1, 0.05, 0.3])
    expect(phones.map(({ name, startS, endS }) => [name, Number(startS.toFixed(3)), Number(endS.toFixed(3))])).toEqual([
      ['hh', 0, 0.05],
      ['ay', 0.05, 0.17],
      ['pau', 0.17, 0.47],
      ['y', 0.47, 0.52],
      ['uw', 0.52, 0.64],
      ['aa', 0.64, 0.79],
      ['pau', 0.79, 1.09],
    ])
  })

  it('have silence where a space is long, and before the first sound', () => {
    const phones = phonesOf(' a b', [0.3, 0.1, 0.2, 0.1])
    expect(phones.map((phone) => phone.name)).toEqual(['pau', 'aa', 'pau', 'b'])
  })

  it('need one duration a symbol', () => {
    expect(() => phonesOf('ab', [1])).toThrow(RangeError)
    expect(phonesOf('', [])).toEqual([])
  })
})
