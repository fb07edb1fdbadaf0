/** Markup within a line: what of it is said. */
import { emojiOut } from './emoji.ts'
import { entitiesDecoded } from './entities.ts'
import { mathInWords } from './math.ts'
import { isStageDirection, mayBeStageDirection } from './stage-directions.ts'
import { dropsContent, isKnownTag, readTag, TAG, TAG_BEGUN } from './tags.ts'
import type { TextPiece } from './types.ts'

/** Commands that stand outside of a formula. */
const BARE_MATH = /\\(?:boxed|[dt]?frac|sqrt|text|mathbf|mathrm)\{[^{}]*\}(?:\{[^{}]*\})?/g

/** Characters that something open may have before it is taken as text. */
const MAX_OPEN = 400
const MAX_DROPPED = 4_000
/** Stand for parts that are done; replaced by these at the end. */
const KEPT = /\uE000(\d+)\uE001/g

const DIRECTION =
  /(?<![\w*])\*{1,2}(?![\s*])([^*\n]{2,80}?)\*{1,2}(?![\w*])|(?<![\w_])_(?![\s_])([^_\n]{2,80}?)_(?![\w_])|\(([^()\n]{2,60})\)|\[([^[\]\n]{1,60})\](?![([])/g

/** Something is not closed yet: what follows may belong to it. @param text up to a white space */
export function isOpen(text: string): boolean {
  const dropped = /<(script|style|sub|head|svg)\b[^<>]*>(?![\s\S]*<\/\1\s*>)/i.exec(text)
  if (dropped) return text.length - dropped.index < MAX_DROPPED
  const comment = text.lastIndexOf('<!--')
  if (comment >= 0 && !text.includes('-->', comment)) return text.length - comment < MAX_DROPPED
  const recent = (at: number): boolean => at >= 0 && text.length - at < MAX_OPEN
  if (odd(text, '$$') && recent(text.lastIndexOf('$$'))) return true
  if (isLastOpen(text, '\\[', '\\]') || isLastOpen(text, '\\(', '\\)') || isLastOpen(text, '【', '】')) return true
  const tag = text.lastIndexOf('<')
  if (recent(tag) && TAG_BEGUN.test(text.slice(tag))) return true
  const line = text.slice(text.lastIndexOf('\n') + 1)
  if (odd(line, '`') && line.length - line.lastIndexOf('`') < 200) return true
  const math = /(?<![\w$\\])\$(?![\s$\d])[^$\n]{0,120}$/.exec(line)
  if (math && (line.slice(0, math.index).match(/(?<!\\)\$/g)?.length ?? 0) % 2 === 0) return true
  const bracket = line.lastIndexOf('[')
  if (bracket >= 0 && line.length - bracket < MAX_OPEN) {
    const rest = line.slice(bracket)
    if (!rest.includes(']') || /\]\([^)]*$/.test(rest)) return true
  }
  const paren = /\(([^()]{0,60})$/.exec(line)
  if (paren && mayBeStageDirection(paren[1] ?? '')) return true
  const star = /(?<![\w*])[*_]{1,2}(?![\s*_])([^*_]{0,80})$/.exec(line)
  return star !== null && mayBeStageDirection(star[1] ?? '')
}

function odd(text: string, sign: string): boolean {
  return text.split(sign).length % 2 === 0
}

function isLastOpen(text: string, open: string, close: string): boolean {
  const at = text.lastIndexOf(open)
  return at >= 0 && text.length - at < MAX_OPEN && !text.includes(close, at + open.length)
}

/** What is said of a text whose markup is complete. White space at its ends is kept. */
export function readInline(text: string): TextPiece[] {
  const kept: string[] = []
  const keep = (words: string): string => `\uE000${kept.push(words) - 1}\uE001`
  const restore = (words: string): string => {
    let whole = words
    // what is kept may hold what was kept before it
    for (let depth = 0; depth < 4 && whole.includes('\uE000'); depth++) whole = whole.replace(KEPT, (_, index) => kept[Number(index)] ?? '')
    return whole
  }
  const safe = text.replace(/[\uE000\uE001]/g, '')
  const marked = safe
    .replace(/(`{1,3})(?!`)([^\n]+?)(?<!`)\1(?!`)/g, (_, _sign, code: string) => keep(code.trim()))
    .replace(/\\\[([\s\S]+?)\\\]|\\\(([\s\S]+?)\\\)|\$\$([\s\S]+?)\$\$/g, (_, a = '', b = '', c = '') => keep(mathInWords(a + b + c)))
    .replace(/(?<![\w$\\])\$(?!\s)([^$\n]{1,200}?)(?<!\s)\$(?!\d)/g, (whole, math: string) =>
      isMath(math) ? keep(mathInWords(math)) : whole,
    )
    .replace(/\\([!-/:-@[-`{-~])/g, (_, sign: string) => keep(sign))
    .replace(BARE_MATH, (math) => keep(mathInWords(math)))
    .replace(/\[(?:pause|break)(?:[ :]+(\d*\.?\d+ ?m?s))?\]/gi, (_, time = '1s') => `<break time="${time}"/>`)
    .replace(/\[!([A-Z])([A-Z]+)\]/g, (_, first: string, rest: string) => first + rest.toLowerCase())
    .replace(/<!--[\s\S]*?-->/g, '')
    .replace(/<(script|style|head|svg)\b[^<>]*>[\s\S]*?<\/\1\s*>/gi, ' ')
    .replace(/<sub\b[^<>]*\balias\s*=\s*("[^"]*"|'[^']*')[^<>]*>[\s\S]*?<\/sub\s*>/gi, (_, alias: string) =>
      keep(entitiesDecoded(alias.slice(1, -1))),
    )
    .replace(/<((?:https?:\/\/|mailto:)[^<>\s]+)>/gi, (_, url: string) => keep(hostOf(url)))
    .replace(/<([\w.+-]+@[\w.-]+)>/g, (_, address: string) => keep(address))
  const pieces: TextPiece[] = []
  let from = 0
  const say = (part: string): void => {
    if (part !== '') pieces.push({ kind: 'text', text: restore(plain(part, keep)) })
  }
  for (const match of marked.matchAll(TAG)) {
    const tag = readTag(match[0])
    if (!tag || !isKnownTag(tag.name)) continue
    // a type's parameter, or the like
    if (tag.name === 'b' && /\w/.test(marked[match.index - 1] ?? '') && !/<\/b\s*>/i.test(marked) && !tag.closes) continue
    say(marked.slice(from, match.index))
    pieces.push(...tag.pieces)
    from = match.index + match[0].length
    if (dropsContent(tag.name) && !tag.closes) from = marked.length
  }
  say(marked.slice(from))
  return pieces
}

function isMath(text: string): boolean {
  return (
    /[\\^_=+{}]/.test(text) ||
    /^[A-Za-z]$/.test(text) ||
    (/^[\w\s()+\-*/=<>.,|!']{1,40}$/.test(text) && !/\s[a-z]{3,}/i.test(text) && !/^\d/.test(text))
  )
}

function plain(text: string, keep: (words: string) => string): string {
  const linked = text
    .replace(/【[^】]{0,80}】/g, '')
    .replace(/\[\^[^\]\n]{1,60}\]/g, '')
    .replace(/!\[([^\]]*)\](?:\([^)]*\)|\[[^\]]*\])/g, '$1')
    .replace(/\[((?:[^[\]]|\[[^[\]]*\])*)\]\((?:[^()]|\([^()]*\))*\)/g, '$1')
    .replace(/\[([^[\]]+)\]\[[^[\]]*\]/g, '$1')
    .replace(/\b(?:https?|ftp):\/\/[^\s<>()[\]]+/gi, (url) => {
      const end = /[.,;:!?'"*_]+$/.exec(url)?.[0] ?? ''
      return keep(hostOf(url.slice(0, url.length - end.length))) + end
    })
    .replace(DIRECTION, (whole, a?: string, b?: string, c?: string, d?: string) => {
      const inner = a ?? b ?? c ?? d ?? ''
      if (isStageDirection(inner, a !== undefined || b !== undefined)) return ''
      return d === undefined ? whole : /^\d+(?:\s*[,–-]\s*\d+)*$/.test(d) ? '' : d
    })
    // a lone address or a name with its underscores stays as it is
    .replace(/[\w.+-]+@[\w-]+\.[\w.-]+|(?<!:)\b\w+(?:_\w+)+\b/g, (name) => (/^_|_$/.test(name) ? name : keep(name)))
    // Pandoc's subscripts and superscripts
    .replace(/(?<=[\p{L}\p{N})])~([\p{L}\p{N}+-]{1,6})~(?!~)/gu, '$1')
    .replace(/(?<=[\p{L}\p{N})])\^([\p{L}\p{N}+-]{1,6})\^/gu, '^$1')
    .replace(/(?<![\d)])(\*{1,3}|~~|==)(?=\S)([^*~=]+?)(?<=\S)\1/g, '$2')
    .replace(/(?<![\p{L}\p{N}_])(_{1,3})(?=[^\s_])([^_]+?)(?<=[^\s_])\1(?![\p{L}\p{N}_])/gu, '$2')
    .replace(
      /(?<![\p{L}\p{N}*])(?:\*{1,3}|_{1,3}|~~)(?=["'“‘(]*[\p{L}\p{N}\uE000$])|(?<=[\p{L}\p{N}\uE001.,!?:;"'”’)%])(?:\*{1,3}|_{1,3}|~~)(?![\p{L}\p{N}])/gu,
      '',
    )
    .replace(/(^|\s)[*_~`#|]{2,}(?=\s|$)/g, '$1')
    .replace(/(?:^|\s+)\|(?=\s)/g, ',')
  return emojiOut(
    entitiesDecoded(linked.replace(/[\u200B\u2060\uFEFF\u00AD\u200E\u200F\u202A-\u202E\u2066-\u2069]|(?![\t\n\r])\p{Cc}/gu, '')),
  )
}

function hostOf(url: string): string {
  const bare = url.replace(/^(?:mailto:|[a-z]+:\/\/)/i, '')
  return (url.toLowerCase().startsWith('mailto:') ? bare : (bare.split(/[/?#]/)[0] ?? '')).replace(/^www\./i, '')
}
