/** Whom a traced command is said to have contacted: lines as strace writes them. */
import { expect, it } from 'vitest'
import { describeContacts, readContacts, strangersIn } from '../../scripts/install/contacts.ts'

const EXPECTED = {
  registryName: 'packages.example.com',
  registryAddresses: ['203.0.113.80', '2001:db8::80'],
  nameServers: ['192.0.2.53', '127.0.0.53'],
  ownAddresses: ['192.0.2.2'],
}

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
const described = (...lines: string[]): string[] => describeContacts(readContacts(lines.join('\n')), EXPECTED)

it.each([
  ['connect(37, {sa_family=AF_INET, sin_port=htons(443), sin_addr=inet_addr("203.0.113.80")}, 16) = -1 EINPROGRESS (…)', 'registry'],
  [
    'connect(5, {sa_family=AF_INET6, sin6_port=htons(443), sin6_flowinfo=htonl(0), inet_pton(AF_INET6, "2001:db8::80", &sin6_addr), sin6_scope_id=0}, 28 <unfinished ...>',
    'registry',
  ],
  [
    'connect(5, {sa_family=AF_INET6, sin6_port=htons(443), sin6_flowinfo=htonl(0), inet_pton(AF_INET6, "::ffff:203.0.113.80", &sin6_addr), sin6_scope_id=0}, 28) = 0',
    'registry',
  ],
  ['connect(5, {sa_family=AF_INET, sin_port=htons(4873), sin_addr=inet_addr("127.0.0.1")}, 16) = 0', 'loopback'],
  [
    'connect(5, {sa_family=AF_INET6, sin6_port=htons(80), sin6_flowinfo=htonl(0), inet_pton(AF_INET6, "::1", &sin6_addr), sin6_scope_id=0}, 28) = 0',
    'loopback',
  ],
  ['sendto(9, "\\x00\\x01", 2, 0, {sa_family=AF_INET, sin_port=htons(5000), sin_addr=inet_addr("192.0.2.2")}, 16) = 2', 'this machine'],
  ['connect(23, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("192.0.2.53")}, 16) = 0', 'name server'],
  ['connect(23, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("127.0.0.53")}, 16) = 0', 'name server'],
  [
    `sendmmsg(23, [{msg_hdr={msg_name=NULL, msg_namelen=0, msg_iov=[{iov_base="${packet('packages.example.com')}", iov_len=38}]`,
    'registry',
  ],
  [`sendto(19, "${packet('80.113.0.203.in-addr.arpa')}", 43, MSG_NOSIGNAL, NULL, 0) = 43`, 'registry'],
])('a known host: %s', (line, host) => {
  expect(described(`123 ${line}`)).toEqual([host])
  expect(strangersIn([host])).toEqual([])
})

it.each([
  [
    'connect(37, {sa_family=AF_INET, sin_port=htons(443), sin_addr=inet_addr("198.51.100.7")}, 16) = -1 EINPROGRESS (…)',
    '198.51.100.7:443',
  ],
  [
    'connect(5, {sa_family=AF_INET6, sin6_port=htons(443), sin6_flowinfo=htonl(0), inet_pton(AF_INET6, "2001:db8::7", &sin6_addr), sin6_scope_id=0}, 28) = 0',
    '[2001:db8::7]:443',
  ],
  // a name server that this machine is not set to
  [
    'sendmsg(9, {msg_name={sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("198.51.100.53")}, msg_namelen=16, …}, 0) = 30',
    '198.51.100.53:53',
  ],
  // a name that has no address is never connected to, and was asked for all the same
  [
    `sendmmsg(23, [{msg_hdr={msg_name=NULL, msg_namelen=0, msg_iov=[{iov_base="${packet('feed.example.org')}", iov_len=34}]`,
    'feed.example.org',
  ],
  [`sendto(19, "${packet('7.100.51.198.in-addr.arpa')}", 43, MSG_NOSIGNAL, NULL, 0) = 43`, '7.100.51.198.in-addr.arpa'],
])('a stranger: %s', (line, host) => {
  expect(described(`123 ${line}`)).toEqual([host])
  expect(strangersIn([host, 'registry'])).toEqual([host])
})

it('is nobody where nothing leaves the machine, and one entry however often', () => {
  expect(
    described(
      '1 connect(5, {sa_family=AF_UNIX, sun_path="/var/run/nscd/socket"}, 110) = -1 ENOENT (No such file or directory)',
      '1 sendto(17, [{nlmsg_len=20, nlmsg_type=RTM_GETLINK}], 20, 0, {sa_family=AF_NETLINK, nl_pid=0, nl_groups=00000000}, 12) = 20',
      `1 sendto(19, "${packet('feed.example.org', 1)}", 34, 0, NULL, 0) = 34`,
    ),
  ).toEqual([])
  const twice = '1 connect(37, {sa_family=AF_INET, sin_port=htons(443), sin_addr=inet_addr("203.0.113.80")}, 16) = 0'
  expect(described(twice, twice)).toEqual(['registry'])
})
