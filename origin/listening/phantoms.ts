/**
 * Phantoms: text that a recogniser makes of coughs, clicks and noise. Recognisers were trained with subtitles, and write what subtitles
 * end with. People say some of it too, so that the sound decides: a phrase takes time to say, and a cough has not enough sound that is
 * surely speech.
 */
import { letterCount, PhraseSet } from './phrase-set.ts'
import type { SpeechEvidence } from './turn-detector.ts'

/** ms of sound surely of speech in one letter, spoken fast; and what every phrase has. */
const MS_PER_LETTER = 40
const LEAST_MS = 180
/** A letter of these is a syllable or a word. */
const SYLLABIC = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]/gu
/** Other texts: ms of any speech in one letter, beyond so many letters, below which nobody can have said it. */
const HASTE_MS_PER_LETTER = 15
const FREE_LETTERS = 10

const PHRASES = new PhraseSet([
  ...[
    'thank you',
    'thank you very much',
    'thank you so much',
    'thanks',
    'thanks for watching',
    'thank you for watching',
    'thank you for listening',
  ],
  ...[
    'thank you for joining us',
    'thanks for listening',
    'thank you all',
    'you',
    'bye',
    'bye-bye',
    'goodbye',
    'good night',
    'see you',
    'see you next time',
  ],
  ...[
    'see you later',
    'see you in the next video',
    "I'll see you next time",
    "I'll see you in the next video",
    'see you in the next one',
    'the end',
    'to be continued',
  ],
  ...[
    'please subscribe',
    'please subscribe to my channel',
    'please like and subscribe',
    'like and subscribe',
    "don't forget to subscribe",
    'subscribe',
  ],
  ...[
    'music',
    'applause',
    'laughter',
    'silence',
    'blank audio',
    'no audio',
    'inaudible',
    'coughs',
    'coughing',
    'sighs',
    'foreign',
    'background noise',
  ],
  ...[
    'danke',
    'vielen dank',
    'vielen dank fürs zuschauen',
    'vielen dank für ihre aufmerksamkeit',
    'bis zum nächsten mal',
    'tschüss',
    'das wars für heute',
    'musik',
  ],
  ...[
    'merci',
    "merci d'avoir regardé",
    "merci d'avoir regardé cette vidéo",
    'merci beaucoup',
    'abonnez-vous',
    'au revoir',
    'à bientôt',
    'musique',
  ],
  ...[
    'gracias',
    'muchas gracias',
    'gracias por ver',
    'gracias por ver el video',
    'gracias por su atención',
    'suscríbete',
    'suscríbete al canal',
    'adiós',
    'hasta la próxima',
    'música',
  ],
  ...[
    'grazie',
    'grazie mille',
    'grazie a tutti',
    'grazie per la visione',
    'obrigado',
    'obrigada',
    'muito obrigado',
    'obrigado por assistir',
    'tchau',
    'legendas',
  ],
  ...[
    'dank u wel',
    'dank je wel',
    'bedankt voor het kijken',
    'tot de volgende keer',
    'tack',
    'tack för att ni tittade',
    'kiitos',
    'tak fordi du så med',
  ],
  ...[
    'dziękuję',
    'dziękuję za uwagę',
    'dzięki za oglądanie',
    'děkuji',
    'děkujeme za sledování',
    'konec',
    'спасибо',
    'спасибо за просмотр',
    'продолжение следует',
  ],
  ...[
    'спасибо за внимание',
    'подписывайтесь на канал',
    'до свидания',
    'дякую',
    'дякую за перегляд',
    'teşekkürler',
    'izlediğiniz için teşekkürler',
    'izlediğiniz için teşekkür ederim',
  ],
  ...[
    'شكرا',
    'شكرا للمشاهدة',
    'اشتركوا في القناة',
    'धन्यवाद',
    'ご視聴ありがとうございました',
    'ご清聴ありがとうございました',
    'ありがとうございました',
    'ありがとうございます',
    'ありがとう',
  ],
  ...[
    'チャンネル登録お願いします',
    'チャンネル登録をお願いします',
    '最後までご視聴いただきありがとうございます',
    'おやすみなさい',
    'バイバイ',
    '次回予告',
    '音楽',
  ],
  ...[
    '谢谢',
    '谢谢大家',
    '謝謝',
    '謝謝大家',
    '谢谢观看',
    '謝謝觀看',
    '谢谢收看',
    '感谢观看',
    '感謝觀看',
    '再见',
    '拜拜',
    '下次再见',
    '请订阅',
    '音乐',
  ],
  ...[
    '감사합니다',
    '고맙습니다',
    '시청해주셔서 감사합니다',
    '시청해 주셔서 감사합니다',
    '구독과 좋아요 부탁드립니다',
    '다음 영상에서 만나요',
    '안녕히 계세요',
    '음악',
  ],
])

/** Credits and farewells of videos, in whatever words. */
const CREDITS = new RegExp(
  [
    /amara\s*\.?\s*org|otter\.ai|castingwords|radio-canada|opensubtitles|copyright|字幕|자막|субтитр/,
    /^(subtitles?|captions?|captioned|transcri\w+|translated) (by|provided)|^(unter|onder)titel|^sous-titr|^subt[ií]tulos|^sottotitoli/,
    /^legendas |^napisy |^titulky |^altyaz[ıi]|^ترجمة |MBC 뉴스/,
    /\bfor (watching|listening|viewing|tuning in)\b|\bsubscri|in the next (video|one)|fürs? zuschauen|d'avoir regardé|abonne|por ver|suscr[ií]b/,
    /per la visione|iscriv|por assistir|inscrev|za uwagę|za oglądanie|за просмотр|подпис|izlediğiniz|ご視聴|ご清聴|チャンネル登録|시청|구독|观看|觀看|收看|订阅|訂閱/,
  ]
    .map(({ source }) => source)
    .join('|'),
  'iu',
)

export interface PhantomContext {
  evidence: SpeechEvidence
  /** The sound itself began the turn; otherwise the user did. */
  handsFree: boolean
  /** More of the text may come. */
  partial: boolean
}

/** The text is more than can have been said in that sound. */
export function isPhantom(text: string, { evidence: { speechMs, sureMs }, handsFree, partial }: PhantomContext): boolean {
  const letters = letterCount(text) + (text.match(SYLLABIC)?.length ?? 0)
  if (handsFree && speechMs < (letters - FREE_LETTERS) * HASTE_MS_PER_LETTER) return true
  const known = partial ? PHRASES.mayBecome(text) : PHRASES.covers(text)
  return (known || CREDITS.test(text)) && sureMs < Math.max(LEAST_MS, letters * MS_PER_LETTER)
}
