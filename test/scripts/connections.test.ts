/** Whom a traced command is said to have contacted: lines as strace writes them. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { type Contact, contactsOf } from '../../scripts/connections/contacts.ts'
import { readTrace } from '../../scripts/connections/trace.ts'

const ALLOWED = ['packages.invalid', '203.0.113.80', '2001:db8::80']
const OWN = Object.values(networkInterfaces())
  .flatMap((infos) => infos ?? [])
  .find(({ family, internal }) => family === 'IPv4' && !internal)?.address
const folder = mkdtempSync(join(tmpdir(), 'trace-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A DNS packet as strace prints it. */
function packet(name: string, answers = 0): string {
  const labels = name.split('.').map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]))
  const bytes = Buffer.concat([
    Buffer.from([0xf6, 0x43, answers ? 0x81 : 1, 0, 0, 1, 0, answers, 0, 0, 0, 0]),
    ...labels,
    Buffer.from([0, 0, 1, 0, 1]),
  ])
  return [...bytes].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')
}

/** @param lines of one thread */
async function contacted(...lines: string[]): Promise<Contact[]> {
  writeFileSync(join(folder, 'thread.1'), lines.join('\n'))
  return await contactsOf(readTrace(folder, 'thread'), ALLOWED)
}
const asked = (name: string): string =>
  `sendmmsg(23<UDP:[192.0.2.2:40000->192.0.2.53:53]>, [{msg_hdr={msg_name=NULL, msg_namelen=0, msg_iov=[{iov_base="${packet(name)}", iov_len=38}]`

it.each<[Contact['reach'], string]>([
  [
    'allowed',
    'connect(37<TCP:[1]>, {sa_family=AF_INET, sin_port=htons(443), sin_addr=inet_addr("203.0.113.80")}, 16) = -1 EINPROGRESS (Operation now in progress)',
  ],
  [
    'allowed',
    'connect(5<TCPv6:[1]>, {sa_family=AF_INET6, sin6_port=htons(443), sin6_flowinfo=htonl(0), inet_pton(AF_INET6, "2001:db8::80", &sin6_addr), sin6_scope_id=0}, 28) = 0',
  ],
  ['here', 'connect(5<TCP:[1]>, {sa_family=AF_INET, sin_port=htons(4873), sin_addr=inet_addr("127.0.0.1")}, 16) = 0'],
  [
    'here',
    'connect(5<TCPv6:[1]>, {sa_family=AF_INET6, sin6_port=htons(80), sin6_flowinfo=htonl(0), inet_pton(AF_INET6, "::1", &sin6_addr), sin6_scope_id=0}, 28) = 0',
  ],
  [
    'here',
    'connect(5<TCPv6:[1]>, {sa_family=AF_INET6, sin6_port=htons(80), sin6_flowinfo=htonl(0), inet_pton(AF_INET6, "::ffff:127.0.0.1", &sin6_addr), sin6_scope_id=0}, 28) = 0',
  ],
  [
    'here',
    `sendto(9<UDP:[1]>, "\\x00\\x01", 2, 0, {sa_family=AF_INET, sin_port=htons(5000), sin_addr=inet_addr("${OWN ?? '127.0.0.1'}")}, 16) = 2`,
  ],
  ['allowed', asked('packages.invalid')],
  ['allowed', asked('80.113.0.203.in-addr.arpa')],
  // a name server's search list
  ['allowed', asked('packages.invalid.lan')],
  ['here', asked('1.0.0.127.in-addr.arpa')],
  ['here', asked('her.localhost')],
])('%s: %s', async (reach, line) => {
  expect((await contacted(line)).map((contact) => contact.reach)).toEqual([reach])
})

it.each([
  [
    'connect(37<TCP:[1]>, {sa_family=AF_INET, sin_port=htons(443), sin_addr=inet_addr("198.51.100.7")}, 16) = -1 EINPROGRESS (Operation now in progress)',
    '198.51.100.7:443',
  ],
  [
    'connect(5<TCPv6:[1]>, {sa_family=AF_INET6, sin6_port=htons(443), sin6_flowinfo=htonl(0), inet_pton(AF_INET6, "2001:db8::7", &sin6_addr), sin6_scope_id=0}, 28) = 0',
    '[2001:db8::7]:443',
  ],
  // a name server that nobody was seen to ask anything
  [
    'sendmsg(9<UDP:[1]>, {msg_name={sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("198.51.100.53")}, msg_namelen=16}, 0) = 30',
    'name server 198.51.100.53:53',
  ],
  // a name that has no address is never connected to, and was asked for all the same
  [asked('feed.example.org'), 'name feed.example.org, at 192.0.2.53'],
  [asked('7.100.51.198.in-addr.arpa'), 'name 7.100.51.198.in-addr.arpa, at 192.0.2.53'],
])('outside: %s', async (line, target) => {
  expect(await contacted(line)).toMatchObject([{ reach: 'outside', target, count: 1 }])
})

it('is nobody where nothing leaves the machine, and one entry however often', async () => {
  const none = await contacted(
    'connect(5<UNIX:[1]>, {sa_family=AF_UNIX, sun_path="/var/run/nscd/socket"}, 110) = -1 ENOENT (No such file or directory)',
    'sendto(17<NETLINK:[1]>, [{nlmsg_len=20, nlmsg_type=RTM_GETLINK}], 20, 0, {sa_family=AF_NETLINK, nl_pid=0, nl_groups=00000000}, 12) = 20',
    `sendto(19<UDP:[192.0.2.2:40000->192.0.2.53:53]>, "${packet('feed.example.org', 1)}", 34, 0, NULL, 0) = 34`,
  )
  expect(none).toEqual([])
  const twice = 'connect(37<TCP:[1]>, {sa_family=AF_INET, sin_port=htons(443), sin_addr=inet_addr("203.0.113.80")}, 16) = 0'
  expect(await contacted(twice, twice)).toMatchObject([{ reach: 'allowed', count: 2 }])
})

it('tells a name server with what it is asked', async () => {
  const connected = 'connect(23<UDP:[1]>, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("192.0.2.53")}, 16) = 0'
  expect(await contacted(connected, asked('packages.invalid'))).toMatchObject([
    { reach: 'allowed', target: 'name packages.invalid, at 192.0.2.53' },
  ])
})
