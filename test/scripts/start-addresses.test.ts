/** HOST, PORT and SOCKET_PORT as people set them. */
import { describe, expect, it } from 'vitest'
import { type Addresses, readAddresses } from '../../scripts/start/addresses.ts'

/** A resolver that knows these names. */
async function read(env: NodeJS.ProcessEnv, names: Record<string, string[]> = {}): Promise<Addresses> {
  return await readAddresses(env, async (host) => {
    const addresses = names[host]
    if (!addresses) throw Object.assign(new Error('no such name'), { code: 'ENOTFOUND' })
    return addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))
  })
}

describe('HOST', () => {
  it.each([
    ['not set', undefined],
    ['empty', ''],
    ['blank', '  '],
    ['localhost', 'localhost'],
    ['LOCALHOST', 'LOCALHOST'],
  ])('%s: both loopback addresses, shown as localhost', async (_what, host) => {
    expect(await read(host === undefined ? {} : { HOST: host })).toMatchObject({
      listen: '127.0.0.1',
      dial: '127.0.0.1',
      alsoListen: '::1',
      shown: 'localhost',
      onNetwork: false,
      port: 8000,
      socketPort: 8001,
      note: undefined,
    })
  })

  it.each([
    ['127.0.0.1', { listen: '127.0.0.1', dial: '127.0.0.1', alsoListen: undefined, shown: '127.0.0.1', onNetwork: false }],
    ['127.0.0.2', { listen: '127.0.0.2', dial: '127.0.0.2', alsoListen: undefined, shown: '127.0.0.2', onNetwork: false }],
    ['::1', { listen: '::1', dial: '::1', alsoListen: undefined, shown: '[::1]', onNetwork: false }],
    ['[::1]', { listen: '::1', dial: '::1', alsoListen: undefined, shown: '[::1]', onNetwork: false }],
    ['0.0.0.0', { listen: '0.0.0.0', dial: '127.0.0.1', alsoListen: '::1', shown: 'localhost', onNetwork: true }],
    ['::', { listen: '::', dial: '::1', alsoListen: undefined, shown: 'localhost', onNetwork: true }],
    ['192.0.2.7', { listen: '192.0.2.7', dial: '192.0.2.7', alsoListen: undefined, shown: '192.0.2.7', onNetwork: true }],
    ['2001:db8::7', { listen: '2001:db8::7', dial: '2001:db8::7', alsoListen: undefined, shown: '[2001:db8::7]', onNetwork: true }],
    ['::ffff:127.0.0.1', { onNetwork: false }],
  ])('%s', async (host, expected) => {
    expect(await read({ HOST: host })).toMatchObject(expected)
  })

  it('that is a name listens where the name leads, IPv4 first, and is shown as the name', async () => {
    const names = { workshop: ['2001:db8::7', '192.0.2.7'], debian: ['127.0.1.1'] }
    expect(await read({ HOST: 'workshop' }, names)).toMatchObject({
      listen: '192.0.2.7',
      dial: '192.0.2.7',
      shown: 'workshop',
      onNetwork: true,
    })
    expect(await read({ HOST: 'debian' }, names)).toMatchObject({ listen: '127.0.1.1', shown: 'debian', onNetwork: false })
  })

  it.each(['x86_64-conda-linux-gnu', 'x86_64-conda_cos6-linux-gnu', 'arm64-apple-darwin20.0.0', 'aarch64-linux-gnu'])(
    '%s is a compiler target: said and left out',
    async (host) => {
      const { listen, note } = await read({ HOST: host })
      expect(listen).toBe('127.0.0.1')
      expect(note).toContain(`HOST is ${host}`)
    },
  )

  it.each([
    ['no-such-name', 'cannot be resolved (ENOTFOUND)'],
    ['empty-name', 'has no address'],
    ['http://localhost', 'without a port or a path'],
    ['localhost:8000', 'without a port or a path'],
    ['[::1]:8000', 'without a port or a path'],
    ['fe80::1%eth0', 'with a zone'],
  ])('%s: the variable and the reason are named', async (host, reason) => {
    const failed = read({ HOST: host }, { 'empty-name': [] })
    await expect(failed).rejects.toThrow(`HOST is ${host}`)
    await expect(failed).rejects.toThrow(reason)
  })
})

describe('ports', () => {
  it('are those that are set, and the default where one is empty', async () => {
    expect(await read({ PORT: ' 9000 ', SOCKET_PORT: '' })).toMatchObject({ port: 9000, socketPort: 8001 })
  })

  it.each(['abc', '0', '-1', '70000', '8e3', '80.5', '0x50'])('PORT=%s and SOCKET_PORT=%s are refused by name', async (text) => {
    await expect(read({ PORT: text })).rejects.toThrow(`PORT is ${text}: it must be a whole number from 1 to 65535`)
    await expect(read({ SOCKET_PORT: text })).rejects.toThrow(`SOCKET_PORT is ${text}`)
  })

  it('that are the same are refused, and the one to set is named', async () => {
    await expect(read({ PORT: '8001' })).rejects.toThrow('both 8001: set SOCKET_PORT')
    await expect(read({ SOCKET_PORT: '8000' })).rejects.toThrow('both 8000: set PORT')
    await expect(read({ PORT: '9000', SOCKET_PORT: '9000' })).rejects.toThrow('both 9000: set SOCKET_PORT')
  })
})
