/**
 * Keeps wrangler's own headers out. `wrangler dev` takes the address of a request from `MF-Original-URL`, whoever sends it, and so
 * would tell the Worker another host than the one that was called: a page that reaches this machine under a name of its own (DNS
 * rebinding) may send any header, and could pass for a page of this machine.
 */
import { Transform } from 'node:stream'

/** The start of a line of a request's head. Bodies of the API are JSON, which has no bare line ends within a string, or SDP. */
const WRANGLERS = /[\r\n]mf-[a-z-]+[ \t]*:/i
/** Longest such start that two pieces may share, bytes. */
const KEPT = 64

/** Passes bytes of a client on, and calls back instead of the first piece with such a header. */
export function withoutWranglerHeaders(onFound: () => void): Transform {
  let before = ''
  let found = false
  return new Transform({
    transform(piece: Buffer, _encoding, done) {
      if (found) return done()
      const text = before + piece.toString('latin1')
      before = text.slice(-KEPT)
      found = WRANGLERS.test(text)
      if (found) {
        onFound()
        done()
      } else done(null, piece)
    },
  })
}

const BODY = JSON.stringify({
  error: { code: 'INVALID_REQUEST', message: 'Headers that begin with MF- are refused here: leave them out.', details: {} },
})
/** The answer to such a request. */
export const REFUSAL = [
  'HTTP/1.1 400 Bad Request',
  'Content-Type: application/json; charset=utf-8',
  `Content-Length: ${Buffer.byteLength(BODY)}`,
  'Connection: close',
  '',
  BODY,
].join('\r\n')
