import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MarkupReader } from '../../../origin/text/markup.ts'

/** Pieces in one line: `|` for a boundary, `<ms>` for a pause. */
function read(pieces: readonly string[]): string {
  const reader = new MarkupReader()
  return [...pieces.flatMap((piece) => reader.push(piece)), ...reader.end()]
    .map((piece) => (piece.kind === 'text' ? piece.text : piece.kind === 'pause' ? `<${piece.ms}>` : '|'))
    .join('')
    .replace(/\|$/, '')
}

const cut = (text: string, length: number): string[] => text.match(new RegExp(`[^]{1,${length}}`, 'g')) ?? []

const TABLE: readonly (readonly [string, string])[] = [
  ['Hello there. How are you?', 'Hello there. How are you?'],
  ['# Title\nText.', 'Title|Text.'],
  ['## A **bold** title ##\nText.', 'A bold title|Text.'],
  ['#hashtag is fine', '#hashtag is fine'],
  ['Title\n=====\nText', 'Title|Text'],
  ['- one\n- two\n- three', 'one|two|three'],
  ['* one\n  * nested\n* two', 'one|nested|two'],
  ['+ one\n+ two', 'one|two'],
  ['• one\n• two', 'one|two'],
  ['1. First\n2. Second', '1. First|2. Second'],
  ['1) First\n2) Second', '1) First|2) Second'],
  ['- [ ] open\n- [x] done', 'open|done'],
  ['- **Name**: Anna', 'Name: Anna'],
  ['One.\n\nTwo.', 'One.|Two.'],
  [
    'A long line that was wrapped by somebody at about eighty\ncharacters goes on.',
    'A long line that was wrapped by somebody at about eighty characters goes on.',
  ],
  ['Roses are red\nViolets are blue', 'Roses are red|Violets are blue'],
  ['one\ntwo', 'one two'],
  ['Hard  \nbreak', 'Hard|break'],
  ['A\n\n---\n\nB', 'A|B'],
  ['A\n***\nB', 'A|B'],
  ['> quoted text\n> goes on', 'quoted text goes on'],
  ['| Name | Age |\n|---|---|\n| Anna | 30 |\n| Bob | 41 |', 'Name: Anna, Age: 30|Name: Bob, Age: 41'],
  ['| a | b |\n| c | d |', 'a, b|c, d'],
  ['| **City** | Link |\n|:--|--:|\n| Rome | [map](http://m.io) |\n\nDone.', 'City: Rome, Link: map|Done.'],
  ['See [the docs](https://example.com/a_b?c=d) now.', 'See the docs now.'],
  ['See [the docs](https://example.com "Title here").', 'See the docs.'],
  ['See [a (b)](https://en.example.org/wiki/A_(b)).', 'See a (b).'],
  ['[the docs][1] say\n\n[1]: https://example.com', 'the docs say'],
  ['![A red fox](fox.png) runs.', 'A red fox runs.'],
  ['[![Logo](l.png)](https://x.io) ok', 'Logo ok'],
  ['<https://example.com/long/path>', 'example.com'],
  ['Go to https://www.example.com/a/b?c=1. Then stop.', 'Go to example.com. Then stop.'],
  ['Mail me at anna_b@example.com.', 'Mail me at anna_b@example.com.'],
  ['Use `npm start` now.', 'Use npm start now.'],
  ['Use ``a`b`` now.', 'Use a`b now.'],
  ['Before.\n```js\nconst a = 1\n\nfoo()\n```\nAfter.', 'Before.|After.'],
  ['~~~\ncode\n~~~\nAfter.', 'After.'],
  ['```\nnever closed', ''],
  ['```markdown\n# Title\nText.\n```', 'Title|Text.'],
  ['This is **very** *good*.', 'This is very good.'],
  ['This is __very__ _good_.', 'This is very good.'],
  ['***Both*** of them', 'Both of them'],
  ['**Important. Read this.** Then go.', 'Important. Read this. Then go.'],
  ['~~old~~ new', 'old new'],
  ['==marked== text', 'marked text'],
  ['snake_case_name stays', 'snake_case_name stays'],
  ['5 * 3 = 15', '5 * 3 = 15'],
  ['2*3*4', '2*3*4'],
  ['A claim.[^1] More.\n\n[^1]: The source.', 'A claim. More.|The source.'],
  ['As shown [1], and [2, 3].', 'As shown, and.'],
  ['As said【4:0†source】.', 'As said.'],
  ['<p>One</p><p>Two</p>', 'One|Two'],
  ['One<br>Two<br/>Three', 'One|Two|Three'],
  ['<ul><li>a</li><li>b</li></ul>', 'a|b'],
  ['<b>Bold</b> &amp; <i>more</i>', 'Bold & more'],
  ['<a href="https://x.io/a b">here</a> it is', 'here it is'],
  ['<div class="a b">Text</div>', 'Text'],
  ['<script>alert(1 < 2)</script>Hi.', 'Hi.'],
  ['<style>\nb { color: red }\n</style>\nHi.', 'Hi.'],
  ['<!-- hidden\nnote -->Hi.', 'Hi.'],
  ['Fish &amp; chips &lt;now&gt; &#8364;5 &#x41;', 'Fish & chips <now> €5 A'],
  ['AT&T and R&D; ok', 'AT&T and R&D; ok'],
  ['a<b', 'a<b'],
  ['x < y and y > z', 'x < y and y > z'],
  ['if a<b and c>d', 'if a<b and c>d'],
  ['I <3 you', 'I you'],
  ['<img src="a.png" alt="A cat"> sits', 'A cat sits'],
  ['<table><tr><td>a</td><td>b</td></tr></table>', 'a, b,'],
  ['Energy is $E=mc^2$.', 'Energy is E equals mc squared.'],
  ['\\(x^2\\) grows', 'x squared grows'],
  ['\\[ \\frac{a}{b} \\]', 'a over b'],
  ['$$\n\\frac{1}{2} + x\n$$\nDone.', '1 over 2 plus x|Done.'],
  ['$\\sqrt{2}$ is $\\approx 1.41$', 'the square root of 2 is is about 1.41'],
  ['$5 and $10', '$5 and $10'],
  ['It costs $5, not $10.', 'It costs $5, not $10.'],
  ['Between $1.5M and $2M', 'Between $1.5M and $2M'],
  ['$\\alpha$ and $x$', 'alpha and x'],
  ['👍', ''],
  ['Great 👍🏽!', 'Great!'],
  ['Hi 👋 there', 'Hi there'],
  ['👨‍👩‍👧 family 🇩🇪 flag', 'family flag'],
  ['1️⃣ First', '1 First'],
  ['© 2024 Acme®', '© 2024 Acme®'],
  ['Nice :) really ;-)', 'Nice really'],
  ['Good :thumbs_up: job', 'Good job'],
  ['*smiles* Hello.', 'Hello.'],
  ['Hello! *waves happily*', 'Hello!'],
  ['*She smiles warmly.* Hello.', 'Hello.'],
  ['[laughs] That is funny.', 'That is funny.'],
  ['(waves) Hi!', 'Hi!'],
  ['*smiles* [laughs] (waves)', ''],
  ['_sighs_ Fine.', 'Fine.'],
  ['[whispers] Come here.', 'Come here.'],
  ['*really* good', 'really good'],
  ['Born (in 1999) there', 'Born (in 1999) there'],
  ['He (a friend) came', 'He (a friend) came'],
  ['Dear [your name], hi', 'Dear your name, hi'],
  ['Hello. <break time="1.5s"/> It costs <say-as interpret-as="cardinal">12</say-as> &amp; more.', 'Hello.<1500> It costs 12 & more.'],
  ['<speak>Hello <break time="500ms"/> world</speak>', 'Hello<500> world'],
  ["<speak version='1.1' xml:lang='en-US'>Hi.</speak>", 'Hi.'],
  ['<break strength="strong"/>Hi', '<750>Hi'],
  ['A<break/>B', 'A<500>B'],
  ['<sub alias="World Wide Web Consortium">W3C</sub> rules', 'World Wide Web Consortium rules'],
  ['<phoneme alphabet="ipa" ph="pɪˈkɑːn">pecan</phoneme> pie', 'pecan pie'],
  ['<prosody rate="slow" pitch="-2st">Slow</prosody> <emphasis level="strong">now</emphasis>', 'Slow now'],
  ['<speak>Never <prosody rate="sl', 'Never <prosody rate="sl'],
  ['A → B', 'A to B'],
  ['\\*not emphasis\\*', '*not emphasis*'],
  ['a | b', 'a, b'],
  ['', ''],
  ['   \n\n  ', ''],
  ['---', ''],
  ['***', ''],
  ['> > nested quote', 'nested quote'],
  ['Line one.\r\nLine two.', 'Line one.|Line two.'],
  ['Zero\u200Bwidth', 'Zerowidth'],
  ['C++ and C# too', 'C++ and C# too'],
  ['-5 degrees', '-5 degrees'],
  ['3.14 is pi', '3.14 is pi'],
  ['2024 was good', '2024 was good'],
  ['I think (therefore I am)', 'I think (therefore I am)'],
  ['Press **Ctrl+C** to stop.', 'Press Ctrl+C to stop.'],
  ['### 🎉 Party\n\n- 🍕 Pizza', 'Party|Pizza'],
  ['1. Mix *gently*.\n2. Bake at 350°F for 20–25 min.', '1. Mix gently.|2. Bake at 350°F for 20–25 min.'],
  ['**[Anna smiles]** Hello!', 'Hello!'],
  ['<speak><p><s>First.</s><s>Second.</s></p><break strength="x-strong"/>Third.</speak>', 'First. Second.|<1000>Third.'],
  ['> [!WARNING]\n> Hot.', 'Warning|Hot.'],
  ['Term\n: Definition here', 'Term|Definition here'],
  ['The answer is \\boxed{42}.', 'The answer is 42.'],
  ['Hmm... *pauses* ...okay. [pause 2s] Go.', 'Hmm... ...okay.<2000> Go.'],
  ['*chuckles softly* Well, *that* was funny. *leans back in chair*', 'Well, that was funny.'],
  ['(laughing) You got me (again).', 'You got me (again).'],
  ['The formula is $$a^2 + b^2 = c^2$$ for triangles.', 'The formula is a squared plus b squared equals c squared for triangles.'],
  ['<voice name="en-US-JennyNeural"><mstts:express-as style="cheerful">Hi there!</mstts:express-as></voice>', 'Hi there!'],
  ['List<String> and Map<K, V> are generic.', 'List<String> and Map<K, V> are generic.'],
  ['If x<5 && y>3 then z.', 'If x<5 && y>3 then z.'],
  ['你好。今天天气很好！再见。', '你好。今天天气很好！再见。'],
  ['Visit [our site](https://x.io/path_(a)), or https://docs.x.io/en/latest/#top, ok?', 'Visit our site, or docs.x.io, ok?'],
  ['Contact: [mail](mailto:a@b.io) or <a@b.io>.', 'Contact: mail or a@b.io.'],
  ['$x_1 + x_2 = 10$ and costs $3.', 'x 1 plus x 2 equals 10 and costs $3.'],
  ['1\\. Not a list', '1. Not a list'],
]

describe('markup for ears', () => {
  it.each(TABLE)('%j', (text, right) => {
    expect(read([text])).toBe(right)
    for (const length of [1, 3, 7]) expect(read(cut(text, length))).toBe(right)
  })

  it('reads the same wherever the stream is cut', () => {
    const text = fc.array(fc.constantFrom(...TABLE.map(([one]) => one)), { minLength: 1, maxLength: 3 }).map((all) => all.join('\n\n'))
    const cuts = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 })
    fc.assert(
      fc.property(text, cuts, (whole, lengths) => {
        const pieces: string[] = []
        for (let at = 0, i = 0; at < whole.length; i++) {
          const length = lengths[i % lengths.length] ?? 1
          pieces.push(whole.slice(at, at + length))
          at += length
        }
        expect(read(pieces)).toBe(read([whole]))
      }),
    )
  })

  it.each(['>', '> ', '[', '<', '<script> ', '<a b="', '*', '`', '$', '((', '|', '\\frac{', '&', '#', '<!-- ', 'x'])(
    'bears %j without end',
    (sign) => {
      const text = sign.repeat(20_000 / sign.length)
      expect(read(cut(text, 97))).toBe(read([text]))
    },
  )

  it('passes a word on as soon as the next one begins', () => {
    const reader = new MarkupReader()
    expect(reader.push('Hello, my friend')).toEqual([{ kind: 'text', text: 'Hello, my' }])
  })
})
