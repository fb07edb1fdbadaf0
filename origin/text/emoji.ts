/** Signs that are seen, not said. */

const KEYCAP = /([\d#*])\uFE0F?\u20E3/gu
/** Pictographs with what joins and colours them; flags. Signs that are read (©, ®, ™, arrows) are not among them. */
const EMOJI =
  /(?:(?![©®™\u2190-\u21FF])\p{Extended_Pictographic}|\p{Regional_Indicator})(?:\uFE0E|\uFE0F|\u200D|[\u{1F3FB}-\u{1F3FF}]|[\u{E0020}-\u{E007F}]|\p{Regional_Indicator})*|\uFE0E|\uFE0F|\u200D|[\u{1F3FB}-\u{1F3FF}]/gu
const SHORTCODE = /(^|\s):[a-z][a-z\d_+-]{1,30}:(?=$|[\s.,!?])/g
const EMOTICON = /(^|\s)(?:[:;=8][-'^o]?[)(DPpO/|3*]+|[xX]D+|<\/?3+|\^[_.]?\^|T_T|¯\\_\(ツ\)_\/¯|o_O)(?=$|[\s.,!?])/g
/** Ornaments and boxes. */
const ORNAMENTS = /[\u2500-\u25FF\u2700-\u2712\u2714-\u2794\u2605\u2606\u2660-\u2667\u266A-\u266F\uFFFD]/g

export function emojiOut(text: string): string {
  return text
    .replace(KEYCAP, '$1')
    .replace(EMOJI, '')
    .replace(SHORTCODE, '$1')
    .replace(EMOTICON, '$1')
    .replace(ORNAMENTS, '')
    .replace(/\s*(?:→|⟶|⇒|->|=>)\s*/g, (sign) => (/^\s|\s$/.test(sign) ? ' to ' : sign))
}
