/** Reads the answer to a streamed chat completion by what it is: an event stream, or one whole JSON. */
import type OpenAI from 'openai'
import { APIError } from 'openai'
import { Stream } from 'openai/streaming'

/** Largest answer that comes in one piece, bytes. */
const MAX_WHOLE_BYTES = 4_194_304
/** Of an answer that is no chat completion: what is kept for the error, characters. */
const MAX_WORDS = 200

/**
 * Chunks of the answer, as the server sent them.
 *
 * @throws APIError for an error inside the stream, and for an answer that is no chat completion
 */
export async function* answerStream(client: OpenAI, response: Response, controller: AbortController): AsyncGenerator<unknown> {
  const type = response.headers.get('content-type') ?? ''
  if (/event-stream/i.test(type) || type === '') {
    let count = 0
    for await (const chunk of Stream.fromSSEResponse<unknown>(response, controller, client)) {
      count++
      yield chunk
    }
    if (count === 0) throw noCompletion(response, 'its answer was empty')
    return
  }
  const text = await wholeText(response)
  const body = parsed(text)
  if (typeof body === 'object' && body !== null && 'choices' in body) yield body
  else if (typeof body === 'object' && body !== null && 'error' in body)
    throw new APIError(undefined, body.error as object, undefined, response.headers)
  // a stream under a wrong name
  else if (/^(?:\ufeff|\s)*(?:data|event|id|:)/.test(text))
    yield* answerStream(client, new Response(text, { headers: { 'content-type': 'text/event-stream' } }), controller)
  else throw noCompletion(response, `it answered with ${type.split(';')[0] || 'something'} that is no chat completion: ${plain(text)}`)
}

async function wholeText(response: Response): Promise<string> {
  const pieces: Uint8Array[] = []
  let bytes = 0
  for await (const piece of response.body ?? []) {
    bytes += piece.length
    if (bytes > MAX_WHOLE_BYTES) throw noCompletion(response, 'its answer was too long')
    pieces.push(piece)
  }
  return Buffer.concat(pieces).toString('utf8')
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Words of a page without its tags. */
function plain(text: string): string {
  const words = text.replace(/<(style|script)\b[\s\S]*?<\/\1>/gi, ' ').replace(/<[^>]*>/g, ' ')
  return words.replace(/\s+/g, ' ').trim().slice(0, MAX_WORDS) || 'nothing'
}

function noCompletion(response: Response, words: string): InstanceType<typeof OpenAI.APIError> {
  return new APIError(undefined, { message: words }, undefined, response.headers)
}
