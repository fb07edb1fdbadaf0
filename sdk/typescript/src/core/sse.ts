/** Server-sent events (WHATWG HTML, section 9.2): only their data. */

/** Longest line that is kept while its end has not come, characters. */
const MAX_LINE = 1_048_576

/** The `data` of each event. Leaving early cancels the body. @throws RangeError for an endless line */
export async function* eventData(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = body.getReader()
  const decoder = new TextDecoder()
  let pending = ''
  let data: string[] = []
  let ended = false
  try {
    while (!ended) {
      const { done, value } = await reader.read()
      ended = done
      pending += decoder.decode(value, { stream: !done })
      const lines = pending.split(/\r\n|\n|\r/)
      // a lone CR at the end may be the first half of CRLF: both halves then stand in the next piece
      pending = done ? '' : (lines.pop() ?? '')
      if (pending.length > MAX_LINE) throw new RangeError('a line of the event stream does not end')
      if (done) lines.push('')
      for (const line of lines) {
        if (line.startsWith('data:')) data.push(line.slice(line.startsWith('data: ') ? 6 : 5))
        else if (line === '' && data.length > 0) {
          yield data.join('\n')
          data = []
        }
      }
    }
  } finally {
    // the outcome of a cancel interests nobody
    await reader.cancel().catch(() => undefined)
  }
}
