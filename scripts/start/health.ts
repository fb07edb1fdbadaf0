/** Asks the edge how it is. */
import { Agent, get } from 'node:http'

export interface Health {
  services: { gpu: string }
  origins: number
}

/** What the edge answers instead while its variables do not fit. */
interface Unconfigured {
  error: { message: string; details?: { variables?: string[] } }
}

export type Answer =
  /** It answered, whatever that was. */
  | { kind: 'answer'; health?: Health; misconfigured?: string }
  /** Nobody listens there. */
  | { kind: 'refused' }
  | { kind: 'none' }

// one of its own: the global one may go through a proxy. Each question is a connection, as a new client's is
const agent = new Agent({ keepAlive: false })

export async function askHealth(host: string, port: number, timeoutMs: number): Promise<Answer> {
  return await new Promise((resolve) => {
    // open mode answers to names of this machine only, whatever address it listens on
    const request = get({
      host,
      port,
      path: '/health',
      agent,
      headers: { host: `localhost:${port}` },
      signal: AbortSignal.timeout(timeoutMs),
    })
    request.on('error', (error: NodeJS.ErrnoException) => resolve({ kind: error.code === 'ECONNREFUSED' ? 'refused' : 'none' }))
    request.on('response', (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (piece: string) => (text += piece))
      response.on('error', () => resolve({ kind: 'none' }))
      response.on('end', () => resolve(read(text)))
    })
  })
}

function read(text: string): Answer {
  try {
    const body = JSON.parse(text) as Health | Unconfigured
    if (!('error' in body)) return { kind: 'answer', health: body }
    return body.error.details?.variables === undefined ? { kind: 'answer' } : { kind: 'answer', misconfigured: body.error.message }
  } catch {
    // something in front of the Worker answered
    return { kind: 'answer' }
  }
}
