/** A local server that speaks like the vendor of a language model and a recogniser, for what needs one to be seen working. */
import { startVendorServer, type VendorServer } from './vendor-server.ts'

/** What the recogniser always hears. */
export const HEARD = 'What is the weather in Oslo?'

interface Asked {
  messages?: { role: string }[]
  tools?: { function: { name: string } }[]
}

/** Calls the first function it is offered, once; says a sentence otherwise. */
export async function startVendorStandIn(): Promise<VendorServer> {
  return await startVendorServer((exchange) => {
    if (exchange.path.endsWith('/audio/transcriptions')) {
      exchange.json(200, { text: HEARD })
      return true
    }
    if (!exchange.path.endsWith('/chat/completions')) return false
    const { messages = [], tools = [] } = exchange.body as Asked
    const name = messages.at(-1)?.role === 'tool' ? undefined : tools[0]?.function.name
    const call = { index: 0, id: 'call_1', type: 'function', function: { name, arguments: '{"city":"Oslo"}' } }
    const deltas = name === undefined ? [{ content: 'It is nice ' }, { content: 'today.' }] : [{ tool_calls: [call] }]
    const common = { id: 'chat_1', object: 'chat.completion.chunk', created: 1, model: 'stand-in' }
    const chunks = deltas.map((delta) => ({ ...common, choices: [{ index: 0, delta, finish_reason: null }] }))
    const end = { ...common, choices: [{ index: 0, delta: {}, finish_reason: name === undefined ? 'stop' : 'tool_calls' }] }
    exchange.head(200, { 'content-type': 'text/event-stream' })
    exchange.end([...[...chunks, end].map((chunk) => JSON.stringify(chunk)), '[DONE]'].map((line) => `data: ${line}\n\n`).join(''))
    return true
  })
}
