/** Every path of this repository that a document names is there. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { describe, expect, it } from 'vitest'

/** Folders at the top that a path may begin with; files of a user's machine do not. */
const TOP = /^(\.ci|\.github|avatars|bench|changes|docs|models|origin|scripts|sdk|shared|studio|test|web|worker)\//
/** Named as an example, made by a command, or left out of the repository on purpose. */
const MADE = /^(web\/dist|sdk\/typescript\/dist|docs\/reference\/.*\.json|avatars\/(?!avatar_1)|studio\/work)|[*<>{}…]|\.\.\./

const documents = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.md'], { encoding: 'utf8' })
  .split('\n')
  .filter((path) => path !== '' && existsSync(path))

describe('documents', () => {
  it('are there at all', () => {
    expect(documents).toContain('README.md')
    expect(documents.length).toBeGreaterThan(20)
  })

  it.each(documents)('name paths that exist: %s', (document) => {
    const text = readFileSync(document, 'utf8')
    const inCode = [...text.matchAll(/`([^`\s]+\/[^`\s]*)`/g)]
      .map(([, path = '']) => path)
      .filter((path) => TOP.test(path) && !MADE.test(path))
    const links = [...text.matchAll(/\]\(([^)\s#]+)(?:#[^)\s]*)?\)/g)]
      .map(([, link = '']) => link)
      .filter((link) => !/^([a-z]+:|\/)/.test(link))
      .map((link) => normalize(join(dirname(document), link)))
    const missing = [...inCode, ...links].filter((path) => !existsSync(path) && !existsSync(join(dirname(document), path)))
    expect(missing).toEqual([])
  })
})
