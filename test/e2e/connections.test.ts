/** Nothing calls home: every connection of the whole system, and of all that it starts, from its start to its end. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Contact } from '../../scripts/connections/contacts.ts'
import { whyNotTraced } from '../../scripts/connections/recorder.ts'
import { ApiClient } from '../support/clients/api-client.ts'
import { spokenQuestion, talkOnce, watchOnce } from '../support/clients/talk.ts'
import { startSystem } from '../support/servers/running-system.ts'
import type { VendorServer } from '../support/servers/vendor-server.ts'
import { startVendorStandIn } from '../support/servers/vendor-stand-in.ts'

let folder: string

beforeAll(() => {
  const why = whyNotTraced()
  if (why !== undefined) throw new Error(why)
  folder = mkdtempSync(join(tmpdir(), 'connections-test-'))
})
afterAll(() => {
  if (folder) rmSync(folder, { recursive: true, force: true })
})

function recorded(name: string): { file: string; contacts: () => Contact[] } {
  const file = join(folder, `${name}.json`)
  return { file, contacts: () => JSON.parse(readFileSync(file, 'utf8')) as Contact[] }
}

describe('connections', () => {
  /** Runs a program of Node's under the recorder. */
  function record(name: string, program: string, options: string[] = []): { code: number | null; contacts: Contact[]; told: string } {
    const { file, contacts } = recorded(name)
    const command = ['scripts/record-connections.ts', ...options, '--json', file, '--', process.execPath, '-e', program]
    const { status, stderr } = spawnSync(process.execPath, command)
    return { code: status, contacts: contacts(), told: stderr.toString() }
  }

  /** To connect a UDP socket sends nothing; the addresses are of no network (RFC 5737, RFC 3849). */
  const CONNECT = `const { createSocket } = require('node:dgram')
    const connect = (type, address, port) => new Promise((done) => {
      const socket = createSocket(type)
      socket.on('error', () => undefined)
      socket.connect(port, address, () => done(socket.close()))
    })
  `

  it('to other machines are reported, also those of a thread and of a child', () => {
    const program = `${CONNECT}
      connect('udp4', '198.51.100.1', 9)
      new (require('node:worker_threads').Worker)(${JSON.stringify(`${CONNECT} connect('udp6', '2001:db8::1', 9)`)}, { eval: true })
      require('node:child_process').spawn('sh', ['-c', 'exec "$0" "$@"', process.execPath, '-e', ${JSON.stringify(`${CONNECT} connect('udp4', '198.51.100.2', 53)`)}])
    `
    const { code, contacts, told } = record('outside', program)
    expect(code).toBe(1)
    const outside = contacts.filter(({ reach }) => reach === 'outside').map(({ target }) => target)
    expect(outside.toSorted()).toEqual(['198.51.100.1:9', '[2001:db8::1]:9', 'name server 198.51.100.2:53'])
    for (const target of outside) expect(told).toContain(target)
  })

  it('to name servers are told with the name that was asked for', () => {
    const program = `
      const { createSocket } = require('node:dgram')
      const server = createSocket('udp4').bind(0, '127.0.0.1', () => {
        const { Resolver } = require('node:dns')
        const resolver = new Resolver({ tries: 1 })
        resolver.setServers(['127.0.0.1:' + server.address().port])
        resolver.resolve4('telemetry.example', () => process.exit())
      })
      server.on('message', (query, { port }) => {
        query[2] |= 0x80
        query[3] |= 0x03
        server.send(query, port, '127.0.0.1')
      })
    `
    const { code, contacts } = record('names', program)
    expect(code).toBe(1)
    expect(contacts).toContainEqual(expect.objectContaining({ target: 'name telemetry.example, at 127.0.0.1', reach: 'outside' }))
  })

  it('to this machine and to what is allowed are not; the code is that of the command', () => {
    const loopback = `require('node:net').connect(9, '127.0.0.1').on('error', () => process.exit(7))`
    expect(record('loopback', loopback)).toMatchObject({ code: 7, contacts: [{ target: '127.0.0.1:9', count: 1, reach: 'here' }] })
    const allowed = record('allowed', `${CONNECT} connect('udp4', '198.51.100.1', 9)`, ['--allow', '198.51.100.1'])
    expect(allowed).toMatchObject({ code: 0, contacts: [{ target: '198.51.100.1:9', reach: 'allowed' }] })
  })

  describe('of the whole system', () => {
    let vendor: VendorServer
    beforeAll(async () => {
      vendor = await startVendorStandIn()
    })
    afterAll(() => vendor?.close())

    it('go no further than this machine: start, talk, stop', async () => {
      const { file, contacts } = recorded('system')
      // the home of a user who never started anything
      const home = join(folder, 'home')
      const env = { HOME: home, XDG_CONFIG_HOME: '', XDG_CACHE_HOME: '', STT_BASE_URL: `${vendor.url}/v1` }
      const system = await startSystem(env, [
        process.execPath,
        'scripts/record-connections.ts',
        '--json',
        file,
        '--',
        process.execPath,
        'scripts/start.ts',
      ])
      try {
        const api = new ApiClient(system)
        await talkOnce(api, await spokenQuestion())
        await watchOnce(api)
      } finally {
        await system.stop()
      }
      const all = contacts()
      expect(all.filter(({ reach }) => reach !== 'here')).toEqual([])
      // all parts were seen
      const processes = all.map(({ process }) => process)
      for (const part of [/^node scripts\/start\.ts/, /^node origin\/index\.ts/, /^workerd/])
        expect(processes).toContainEqual(expect.stringMatching(part))
      // onnxruntime keeps what it reports there
      expect(existsSync(join(home, '.cache/Microsoft'))).toBe(false)
    })
  })
})
