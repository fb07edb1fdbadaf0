/** A local server with OpenAI's transcription endpoint and a real recogniser behind it: Debian's pocketsphinx, US English. */
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

export const SPHINX = '/usr/bin/pocketsphinx_continuous'
/** Of its language model. */
export const SPHINX_MODEL = '/usr/share/pocketsphinx/model/en-us/en-us.lm.bin'

export interface SphinxServer {
  url: string
  /** What it heard, in order. */
  heard: string[]
  close(): Promise<void>
}

export async function startSphinxServer(): Promise<SphinxServer> {
  const folder = await mkdtemp(join(tmpdir(), 'sphinx-'))
  const heard: string[] = []
  let files = 0

  async function transcribe(wav: Uint8Array): Promise<string> {
    files += 1
    const file = join(folder, `${files}.wav`)
    await writeFile(file, wav)
    const { stdout } = await promisify(execFile)(SPHINX, ['-infile', file, '-logfn', '/dev/null'])
    return stdout.trim().replace(/\s+/g, ' ')
  }

  const server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      const form = new Response(Buffer.concat(parts), { headers: { 'content-type': request.headers['content-type'] ?? '' } }).formData()
      form
        .then(async (fields) => {
          const file = fields.get('file')
          const text = file instanceof File ? await transcribe(new Uint8Array(await file.arrayBuffer())) : ''
          heard.push(text)
          response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ text }))
        })
        .catch((thrown: unknown) => response.writeHead(500, { 'content-type': 'text/plain' }).end(String(thrown)))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    heard,
    close: async () => {
      server.closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
      await rm(folder, { recursive: true })
    },
  }
}
