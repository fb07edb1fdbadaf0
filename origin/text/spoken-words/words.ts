/** How written signs and short forms are said in English. */

type Names = Readonly<Record<string, string>>

export const WEEKDAYS: Names = {
  Mon: 'Monday',
  Tue: 'Tuesday',
  Tues: 'Tuesday',
  Wed: 'Wednesday',
  Thu: 'Thursday',
  Thur: 'Thursday',
  Thurs: 'Thursday',
  Fri: 'Friday',
  Sat: 'Saturday',
  Sun: 'Sunday',
}

export const ABBREVIATIONS: Names = {
  'Mr.': 'mister',
  'Mrs.': 'missis',
  'Ms.': 'miz',
  'Dr.': 'doctor',
  'Prof.': 'professor',
  'Rev.': 'reverend',
  'Gen.': 'general',
  'Col.': 'colonel',
  'Capt.': 'captain',
  'Lt.': 'lieutenant',
  'Sgt.': 'sergeant',
  'Gov.': 'governor',
  'Sen.': 'senator',
  'Rep.': 'representative',
  'Mt.': 'mount',
  'Ft.': 'fort',
  'Jr.': 'junior',
  'Sr.': 'senior',
  'Inc.': 'incorporated',
  'Ltd.': 'limited',
  'Co.': 'company',
  'Corp.': 'corporation',
  'Ave.': 'avenue',
  'Blvd.': 'boulevard',
  'Rd.': 'road',
  'Dept.': 'department',
  'dept.': 'department',
  'vs.': 'versus',
  vs: 'versus',
  'approx.': 'approximately',
  'etc.': 'et cetera',
  'e.g.': 'for example',
  'i.e.': 'that is',
  'cf.': 'compare',
  'esp.': 'especially',
  'incl.': 'including',
  'est.': 'estimated',
  'min.': 'minimum',
  'max.': 'maximum',
  'w/o': 'without',
  'w/': 'with',
  'a.k.a.': 'also known as',
  'et al.': 'and others',
  'Mon.': 'Monday',
  'Tue.': 'Tuesday',
  'Tues.': 'Tuesday',
  'Wed.': 'Wednesday',
  'Thu.': 'Thursday',
  'Thur.': 'Thursday',
  'Thurs.': 'Thursday',
  'Fri.': 'Friday',
  'Jan.': 'January',
  'Feb.': 'February',
  'Aug.': 'August',
  'Sept.': 'September',
  'Sep.': 'September',
  'Oct.': 'October',
  'Nov.': 'November',
  'Dec.': 'December',
}

/** Before a number. */
export const COUNTED: Names = {
  'No.': 'number',
  'no.': 'number',
  'Nos.': 'numbers',
  '№': 'number',
  'p.': 'page',
  'pp.': 'pages',
  'Fig.': 'figure',
  'fig.': 'figure',
  'Vol.': 'volume',
  'vol.': 'volume',
  'Ch.': 'chapter',
  'ch.': 'chapter',
  'Sec.': 'section',
  'Eq.': 'equation',
  '§': 'section',
  'ca.': 'about',
  'Rev.': 'revision',
  'ext.': 'extension',
  'Ext.': 'extension',
}

export const SIGNS: Names = {
  '&': 'and',
  '±': 'plus or minus',
  '≈': 'about',
  '~': 'about',
  '≥': 'at least',
  '≤': 'at most',
  '>': 'greater than',
  '<': 'less than',
  '≠': 'is not equal to',
  '=': 'equals',
  '+': 'plus',
  '×': 'times',
  '÷': 'divided by',
  '→': 'to',
  '∞': 'infinity',
  '√': 'square root of ',
  π: 'pi',
  '™': '',
  '®': '',
  '©': 'copyright',
  '½': 'one half',
  '⅓': 'one third',
  '⅔': 'two thirds',
  '¼': 'one quarter',
  '¾': 'three quarters',
  '⅛': 'one eighth',
}

/** Of several signs, in programs and formulas. */
export const OPERATORS: Names = {
  '&&': 'and',
  '||': 'or',
  '!=': 'is not equal to',
  '!==': 'is not equal to',
  '==': 'equals',
  '===': 'equals',
  '<=': 'is at most',
  '>=': 'is at least',
  '->': 'to',
  '=>': 'to',
  ':=': 'becomes',
}

/** In the names of things on computers. */
export const SPELT_SIGNS: Names = {
  '.': 'dot',
  '@': 'at',
  '/': 'slash',
  '\\': 'backslash',
  '-': 'dash',
  _: 'underscore',
  ':': 'colon',
  '?': 'question mark',
  '=': 'equals',
  '&': 'and',
  '#': 'hash',
  '%': 'percent',
  '+': 'plus',
  '~': 'tilde',
}

/** Capitals that are read as a word. */
export const READ_ACRONYMS: ReadonlySet<string> = new Set(
  `NASA NATO UNESCO UNICEF OPEC AIDS RAM ROM LASER RADAR SCUBA JPEG GIF WASM YAML JSON NASDAQ IKEA FIFA COVID SWAT SIM PIN ZIP LAN WAN
  DOS BIOS CAPTCHA OSHA NAFTA ASCII LED SOS OK`
    .split(/\s+/)
    .filter((word) => !/^(?:LED|SOS|OK)$/.test(word)),
)
/** Capitals of up to five letters that are spelt although they can be read. */
export const SPELT_ACRONYMS: ReadonlySet<string> = new Set(
  `FBI CIA USA UK EU UN US AI API URL IP ID IT TV PC CEO CFO CTO COO UI UX OS IOS SUV ATM ETA FAQ DIY DNA RNA UFO VIP VPN USB GPU CPU SQL
  HTTP HTTPS HTML CSS XML PDF SMS GPS MBA PHD IRS NBA NFL BBC CNN NYC LA DC AM PM AKA ASAP EOD BA AA SDK CLI IDE AWS LLM TTS STT IEEE
  ISBN IBM SAP BMW UPS LED SOS OK KO IQ HR PR QA RSVP ETC EUR USD GBP AC CD DVD HD RSS SEO UTC EST PST GMT`.split(/\s+/),
)
/** Words of up to three letters that are no abbreviation when somebody stresses them by capitals. */
export const SHORT_WORDS: ReadonlySet<string> = new Set(
  `THE AND NOT NO YES YOU ALL ANY ARE AS AT BE BUT BY CAN DID DO FOR GET GO GOT HAD HAS HE HER HEY HIM HIS HOW IF IN IS ITS LET MAY ME
  MY NEW NOR NOW OF OFF OLD ON ONE OR OUR OUT OWN SAY SHE SO TEN TO TOO TOP TRY TWO UP USE WAS WAY WE WHO WHY WIN WON WOW YET YOUR ADD
  AGE ASK BAD BAG BIG BOX BOY BUY CAR CUT DAY DOG EAT END EYE FAR FEW FUN HOT JOB KEY LOT LOW MAN MEN OH OWE PAY PUT RED RUN SAD SEE SET
  SIT SIX WET AN`.split(/\s+/),
)

export const MONTHS = 'January February March April May June July August September October November December'.split(' ')
