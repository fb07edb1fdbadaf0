/** Tags of HTML and SSML: what each means to a listener. */
import type { TextPiece } from './types.ts'

const ATTRIBUTE = String.raw`\s+[\w:-]+\s*=\s*(?:"[^"<>]*"|'[^'<>]*'|[^\s"'<>=/]+)`
const FLAG = String.raw`\s+(?:disabled|checked|hidden|open|controls|autoplay|loop|async|defer|required|reversed|download)`
export const TAG = new RegExp(String.raw`<(?:!doctype[^<>]*|\?xml[^<>]*|\/?[a-z][\w:.-]*(?:${ATTRIBUTE}|${FLAG})*\s*\/?)>`, 'gi')
/** A text that is the beginning of a tag. */
export const TAG_BEGUN = new RegExp(
  String.raw`^<(?:!(?:-|d[^<>]*)?|\?(?:x[^<>]*)?|\/?[a-z][\w:.-]*(?:${ATTRIBUTE}|${FLAG})*(?:\s+(?:[\w:-]+(?:\s*=\s*(?:"[^"<>]*|'[^'<>]*|[^\s"'<>=]*)?)?)?|\s*\/?))$`,
  'i',
)

const BOUNDARIES: ReadonlySet<string> = new Set(
  'p div br li ul ol dl dt dd tr table thead tbody caption h1 h2 h3 h4 h5 h6 hr blockquote section article header footer main nav aside figure figcaption body html pre details summary form title'.split(
    ' ',
  ),
)
const OTHERS: ReadonlySet<string> = new Set(
  'a abbr acronym address b bdi bdo big button center cite code data del dfn em font i img input ins kbd label mark option picture q s samp select small source span strike strong sub sup td th time tt u var wbr iframe video audio embed object canvas link meta base noscript script style head svg speak voice prosody emphasis say-as phoneme break lang lexicon mark w token desc amazon:effect amazon:domain mstts:express-as mstts:silence mstts:viseme bookmark google:style express-as emotion volume speed spell answer response output reply result final say speech message text'.split(
    ' ',
  ),
)
const STRENGTH_MS: Readonly<Record<string, number>> = { none: 0, 'x-weak': 100, weak: 250, medium: 500, strong: 750, 'x-strong': 1_000 }
const DEFAULT_BREAK_MS = 500
const MAX_BREAK_MS = 10_000

interface Tag {
  name: string
  closes: boolean
  pieces: TextPiece[]
}

export function isKnownTag(name: string): boolean {
  return BOUNDARIES.has(name) || OTHERS.has(name) || name.startsWith('!') || name.startsWith('?')
}

/** Elements whose content is not said. */
export function dropsContent(name: string): boolean {
  return ['script', 'style', 'head', 'svg'].includes(name)
}

export function readTag(source: string): Tag | undefined {
  const name = /^<\/?([!?\w:.-]+)/.exec(source)?.[1]?.toLowerCase()
  if (name === undefined) return undefined
  return { name, closes: source.startsWith('</'), pieces: piecesOf(name, source) }
}

function piecesOf(name: string, source: string): TextPiece[] {
  if (BOUNDARIES.has(name)) return [{ kind: 'boundary' }]
  // in SSML a sentence
  if (name === 's') return [{ kind: 'text', text: ' ' }]
  if (name === 'td' || name === 'th') return source.startsWith('</') ? [{ kind: 'text', text: ', ' }] : []
  if (name === 'img') return [{ kind: 'text', text: attribute(source, 'alt') ?? '' }]
  if (name !== 'break' || source.startsWith('</')) return []
  const ms = breakMs(source)
  return ms > 0 ? [{ kind: 'pause', ms }] : []
}

function attribute(source: string, name: string): string | undefined {
  const found = new RegExp(String.raw`\s${name}\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>/]+))`, 'i').exec(source)
  return found?.[1] ?? found?.[2] ?? found?.[3]
}

function breakMs(source: string): number {
  const time = /^\s*(\d*\.?\d+)\s*(ms|s)?\s*$/i.exec(attribute(source, 'time') ?? '')
  if (time) return Math.min(MAX_BREAK_MS, Math.round(Number(time[1]) * (time[2]?.toLowerCase() === 'ms' ? 1 : 1_000)))
  return STRENGTH_MS[attribute(source, 'strength')?.toLowerCase() ?? ''] ?? DEFAULT_BREAK_MS
}
