import { readdirSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { withRelease } from '../../scripts/changelog.ts'

const OLD = '# Changelog\n\nWhat it is.\n\n## 1.0.0\n\nFirst.\n'

describe('the changelog', () => {
  it('gets a section above the older ones, by kind', () => {
    const fragments = [
      { name: 'fixed-ports.md', text: 'Ports are free.\nAll of them.\n' },
      { name: 'added-hosts.md', text: 'Hosts.' },
    ]
    expect(withRelease(OLD, '1.1.0', fragments)).toBe(
      '# Changelog\n\nWhat it is.\n\n## 1.1.0\n\n### Added\n\n- Hosts.\n\n### Fixed\n\n- Ports are free.\n  All of them.\n\n## 1.0.0\n\nFirst.\n',
    )
  })

  it('refuses fragments without a kind, empty ones, and a release without any', () => {
    expect(() => withRelease(OLD, '1.1.0', [{ name: 'hosts.md', text: 'Hosts.' }])).toThrow(
      'changes/hosts.md: the name must begin with added-',
    )
    expect(() => withRelease(OLD, '1.1.0', [{ name: 'added-x.md', text: ' \n' }])).toThrow('changes/added-x.md is empty')
    expect(() => withRelease(OLD, '1.1.0', [])).toThrow('there is no fragment')
  })

  it('can take every fragment that is waiting', () => {
    const waiting = readdirSync('changes').filter((name) => name !== 'README.md')
    expect(waiting.filter((name) => !/^(added|changed|fixed|removed)-[a-z0-9-]+\.md$/.test(name))).toEqual([])
  })
})
