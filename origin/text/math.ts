/** Formulas in LaTeX, read in words. What it does not know is left out. */

const WORDS: Readonly<Record<string, string>> = {
  times: 'times',
  cdot: 'times',
  div: 'divided by',
  pm: 'plus or minus',
  mp: 'minus or plus',
  leq: 'is at most',
  le: 'is at most',
  geq: 'is at least',
  ge: 'is at least',
  neq: 'is not equal to',
  ne: 'is not equal to',
  approx: 'is about',
  equiv: 'is equivalent to',
  sim: 'is similar to',
  infty: 'infinity',
  sum: 'the sum of',
  prod: 'the product of',
  int: 'the integral of',
  partial: 'partial',
  nabla: 'nabla',
  to: 'to',
  rightarrow: 'to',
  Rightarrow: 'implies',
  implies: 'implies',
  in: 'in',
  notin: 'not in',
  cup: 'union',
  cap: 'intersection',
  subset: 'is a subset of',
  forall: 'for all',
  exists: 'there is',
  lim: 'the limit of',
  log: 'log',
  ln: 'ln',
  sin: 'sine',
  cos: 'cosine',
  tan: 'tangent',
  exp: 'exp',
  min: 'min',
  max: 'max',
  ldots: 'and so on',
  cdots: 'and so on',
  dots: 'and so on',
  degree: 'degrees',
  circ: 'degrees',
  percent: 'percent',
  hbar: 'h bar',
  ell: 'l',
}
const GREEK =
  'alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi varphi chi psi omega'.split(
    ' ',
  )
const GROUP = String.raw`\{((?:[^{}]|\{[^{}]*\})*)\}`
const ARGUMENT = String.raw`(?:${GROUP}|(\w))`
const FRACTION = new RegExp(String.raw`\\[dt]?frac\s*${ARGUMENT}\s*${ARGUMENT}`)
const ROOT = new RegExp(String.raw`\\sqrt\s*(?:\[([^\]]*)\])?\s*${ARGUMENT}`)
const STYLED = new RegExp(
  String.raw`\\(?:text|textbf|textit|mathrm|mathbf|mathbb|mathcal|mathit|operatorname|boxed|vec|hat|bar|overline)\s*${GROUP}`,
)
const POWER = new RegExp(String.raw`\s*\^\s*(?:${GROUP}|(\\?\w+?)(?![a-z])|(\w))`)
const INDEX = new RegExp(String.raw`_\s*(?:${GROUP}|(\w))`)
/** Rounds of replacement: how deep groups may lie in each other. */
const MAX_DEPTH = 24

/** @param latex without the signs around it */
export function mathInWords(latex: string): string {
  let text = latex
    .replace(/\\begin\{[^}]*\}|\\end\{[^}]*\}|\\left|\\right|\\,|\\;|\\!|\\quad|\\qquad|\\displaystyle/g, ' ')
    .replace(/\\\\|&/g, ' ')
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    const before = text
    text = text
      .replace(STYLED, ' $1 ')
      .replace(FRACTION, (_, a = '', b = '', c = '', d = '') => ` ${a}${b} over ${c}${d} `)
      .replace(ROOT, (_, _n, a = '', b = '') => ` the square root of ${a}${b} `)
      .replace(/\^\s*\{?\s*\\circ\s*\}?/, ' degrees ')
      .replace(POWER, (_, a = '', b = '', c = '') => power((a + b + c).trim()))
      .replace(INDEX, (_, a = '', b = '') => ` ${a}${b} `)
    if (text === before) break
  }
  return text
    .replace(/\\([A-Za-z]+)/g, (_, name: string) => ` ${command(name)} `)
    .replace(/\\[{}]|[{}\\^_~]/g, ' ')
    .replace(/\s*=\s*/g, ' equals ')
    .replace(/\s*\+\s*/g, ' plus ')
    .replace(/\s*[*×·]\s*/g, ' times ')
    .replace(/\s*<\s*/g, ' is less than ')
    .replace(/\s*>\s*/g, ' is greater than ')
    .replace(/(^|[\s(])-\s*(?=\w)|(?<=\w)\s*-\s*/g, (_, lead?: string) => `${lead ?? ''} minus `)
    .replace(/\s+/g, ' ')
    .trim()
}

function power(exponent: string): string {
  if (exponent === '2') return ' squared '
  if (exponent === '3') return ' cubed '
  return ` to the power of ${exponent} `
}

function command(name: string): string {
  if (Object.hasOwn(WORDS, name)) return WORDS[name] ?? ''
  return GREEK.includes(name.toLowerCase()) ? name.toLowerCase() : ''
}
