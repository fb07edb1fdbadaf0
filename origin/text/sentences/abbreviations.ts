/** Words that are written with a stop in the middle of a sentence, by what may follow them. */

const list = (words: string): ReadonlySet<string> => new Set(words.trim().split(/\s+/))

/** A name or a noun always follows. As written: `Rev.` is a title, `rev.` is not. */
export const BEFORE_NAMES = list(`
  Mr Mrs Ms Mx Dr Drs Prof Profs Rev Revd Hon Gen Col Capt Cpt Cmdr Cdr Lt Sgt Cpl Pvt Maj Adm Gov Sen Sens Rep Reps Pres Supt Insp Det Fr
  Msgr Messrs Mme Mmes Mlle Mlles MM Mgr Me Sra Sres Sras Srta Srtas Dra Dres Don Doña Ud Uds Vd Vds Da Sta Sto Hr Hrn Frl Fam
  Dipl Ing Mag Univ-Prof Sig Sigg Mt Mts Ft Pte Wm Chas Geo Thos Jas Pt Ste
`)

/** A sentence never ends with them, in any case of letters. */
export const MID_SENTENCE = list(`
  e.g eg i.e ie vs cf viz approx esp incl excl resp z.b d.h bzw ca vgl evtl ggf gegr inkl exkl sog zzgl bspw ggü i.d.r o.g u.u s.o s.u
  p.ex c.-à-d env av apr p.ej ee ff.aa aprox pág tel mod ibid w.r.t a.k.a aka n.b m.e evt d.i z.t m.w u.dgl lt gem frz engl dt geb gest डॉ श्री प्रो नं कु ई
`)

/** The same with a space within: the end of the text before the stop. */
export const MID_SENTENCE_SPACED =
  /(?:^|[\s(„"«])(?:z\. ?B|d\. ?h|i\. ?d\. ?R|o\. ?g|u\. ?U|s\. ?o|s\. ?u|z\. ?T|m\. ?E|p\. ?ex|p\. ?ej|e\. ?g|i\. ?e|c\.-à-d|N\. ?B)$/u

/** A number follows: otherwise they are words (`The answer is no.`) or end a sentence. */
export const BEFORE_NUMBERS = list(`
  no nr nos nrn p pp pg fig figs vol vols ch chap chaps sec sect secs art arts eq eqs ref refs para pars par tab bd kap abb abs ziff rn núm
  num nº n° pág págs cap caps app apt ste rm ext ex ed eds bl lfg jg hft str postf op pt pts ver v rev t tom lig exp l ll col
`)

/** May end a sentence: they do before a word that begins one. */
export const MAY_END = list(`
  inc ltd co corp llc plc bros jr sr esq st ave blvd rd ln hwy pkwy sq dept univ assn intl natl mfg dist est al ph.d m.d b.a m.a d.c b.c a.d
  b.c.e c.e u.s u.k u.n u.s.a e.u a.c d.c n.y l.a jan feb mar apr jun jul aug sep sept oct nov dec mon tue tues wed thu thur thurs fri sat
  sun e.v s.a s.l s.r.l s.p.a c.v gmbh ag pvt bhd mio mrd janv févr avr juil déc ene abr ago dic vda uu
  fla calif mass tex mich conn ariz colo wash minn wis okla tenn va md pa ga neb nev mo ky vt
`)

/** May end a sentence: they do before any capital. */
export const MAY_END_BEFORE_CAPITALS = list(`
  etc usw usf etcétera u.a u.v.m u.s.w min mins hr hrs sec secs ft lb lbs oz kg km cm mm mi yd yds gal qt pt tsp tbsp hz khz mhz ghz max avg
`)

/** After `9 a.m.` a day, a month or a zone goes on. */
export const AFTER_TIMES = list(`
  monday tuesday wednesday thursday friday saturday sunday mon tue tues wed thu thur thurs fri sat sun january february march april may
  june july august september october november december jan feb mar apr jun jul aug sep sept oct nov dec est edt cst cdt mst mdt pst pdt et
  ct mt pt gmt utc bst cet cest ist jst aest eastern central mountain pacific greenwich
`)

/** Words that begin sentences, and seldom follow an abbreviation within one. */
export const BEGINNERS = list(`
  the a an this that these those there here it its it's he she they we you i i'm i've i'll i'd he's she's we're we've we'll they're you're
  his her their our my your in on at by for from with without to of and but or so yet nor if when while where what why who whom whose
  which how because since although though after before until as is are was were do does did has have had can could will would shall should
  may must let let's please yes no not now then thus hence however therefore also still even just only some any all both each every many
  most more much several few one two three nobody everybody everyone someone something nothing another other such meanwhile finally next
  first second third later today tomorrow yesterday maybe perhaps well oh ok okay thanks thank sorry sure under over during between about
  er sie es wir ich ihr das die der den dem ein eine dann danach aber und doch nun jetzt hier dort wenn als weil ist sind war
  il elle ils elles nous vous je tu on c'est ce cette ces les une mais puis alors ensuite
  él ella ellos ellas nosotros yo el los las una esto este esta pero entonces luego después
`)

/** Beginners that are also particles of names: `J. Le Carré`. */
export const NAME_PARTICLES = list('le la el al van von de du da di del der den das st i a')

const GERMAN_MONTHS = 'januar jänner februar märz april mai juni juli august september oktober november dezember'
/** Nouns that German ordinals count: `3. Oktober`, `19. Jahrhundert`. */
export const AFTER_ORDINALS = list(`${GERMAN_MONTHS}
  jahrhundert jahrhunderts platz tag tage stock klasse mal weltkrieg weltkriegs kapitel auflage liga geburtstag etage woche runde
  bundesliga jahr semester spieltag minute stelle teil akt satz
`)
/** Words before a German ordinal. */
export const BEFORE_ORDINALS = list(`
  am der die das dem den des vom zum zur im beim seit bis ab und jeder jede jedes jeden ein eine einen einem einer sein seine seinen ihr
  ihre ihren mein meine meinen unser unsere unseren montag dienstag mittwoch donnerstag freitag samstag sonntag
`)

/** An English sentence or line does not end with them. */
export const NEVER_LAST = list(`
  a an the of in on at by for from with to and or but nor as than is are was were be my your our their his its mr mrs new
`)
