/** Ports that cannot be had. */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server } from 'node:net'
import process from 'node:process'
import { afterEach, describe, expect, it } from 'vitest'
import { readAddresses } from '../../scripts/start/addresses.ts'
import { listenProblem, requirePorts, tryToListen } from '../../scripts/start/ports.ts'

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

/** @returns a port that is taken */
async function takePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  servers.push(server)
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

describe('a port', () => {
  it('in use is named with its variable and who uses it', async () => {
    const [taken, other] = [await takePort(), await takePort()]
    const mine = `by \\S+( \\S+)? \\(process ${process.pid}\\)`
    await expect(requirePorts(await readAddresses({ PORT: String(taken) }))).rejects.toThrow(
      new RegExp(`^port ${taken} is in use ${mine}; stop what uses it, or set PORT$`),
    )
    servers[1]?.close()
    const addresses = await readAddresses({ PORT: String(other), SOCKET_PORT: String(taken) })
    await expect(requirePorts(addresses)).rejects.toThrow(new RegExp(`^port ${taken} is in use ${mine}; .* SOCKET_PORT$`))
  })

  it('of an address of another machine names HOST', async () => {
    const addresses = await readAddresses({ HOST: '203.0.113.9' })
    await expect(requirePorts(addresses)).rejects.toThrow(
      'HOST is 203.0.113.9: no network interface of this machine has the address 203.0.113.9 (EADDRNOTAVAIL)',
    )
  })

  it('that is free is free again afterwards', async () => {
    const port = await takePort()
    servers[0]?.close()
    for (let i = 0; i < 2; i++) expect(await tryToListen({ address: '127.0.0.1', port })).toBeUndefined()
  })

  it('that is kept for root, or of a family that is off, says so', () => {
    const wanted = { host: '::1', address: '::1', port: 80, variable: 'PORT' as const }
    expect(listenProblem(wanted, 'EACCES')).toBe('PORT is 80: this user may not listen on a port that low; set PORT to 1024 or above')
    expect(listenProblem(wanted, 'EAFNOSUPPORT')).toBe(
      'HOST is ::1: no network interface of this machine has the address ::1 (EAFNOSUPPORT)',
    )
    expect(listenProblem(wanted, 'EINVAL')).toMatch(/^HOST is ::1: .*\(EINVAL\)/)
  })
})
