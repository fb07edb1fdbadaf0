import { createHash } from 'node:crypto'
import { globSync, readFileSync } from 'node:fs'
import { expect, it } from 'vitest'

it('models/README.md names every file of the models, with its bytes and hash', () => {
  const listed = [...readFileSync('models/README.md', 'utf8').matchAll(/^\| \[`(.+?)`\].*\| (\d+) \| `([0-9a-f]{64})` \|$/gm)]
  const files = globSync('models/*/*').filter((path) => !/\.(?:md|txt|json)$/.test(path))
  const facts = files.map((path) => {
    const data = readFileSync(path)
    return [path.replace('models/', ''), String(data.length), createHash('sha256').update(data).digest('hex')]
  })
  expect(listed.map(([, ...columns]) => columns).sort()).toEqual(facts.sort())
})
