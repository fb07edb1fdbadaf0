import { parseEnv } from 'node:util'
import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import { Variables as OriginVariables } from '../../origin/env.ts'
import { configTable, exampleFile, variablesOf, withPart } from '../../scripts/config-reference.ts'

const variables = variablesOf({
  LEVEL: z.enum(['a', 'b']).default('a').meta({ description: '`a` | `b`' }),
  KEY: z.string().min(16).meta({ description: 'see [keys](keys.md)', secret: true }),
  ICE: z.string().optional().meta({ description: 'a list', shown: 'none', example: '["x"]' }),
})

describe('documents of the configuration', () => {
  it('have a row for each variable', () => {
    expect(configTable('side', variables)).toBe(
      [
        '| side | default | meaning |',
        '|---|---|---|',
        '| `LEVEL` | `a` | `a` \\| `b` |',
        '| `KEY` (secret) | | see [keys](keys.md) |',
        '| `ICE` | none | a list |',
        '',
      ].join('\n'),
    )
  })

  it('have a file to copy, in which only what is asked for is set', () => {
    const text = exampleFile(['Head.'], variables, { LEVEL: 'b' })
    expect(text).toBe('# Head.\n\n# a | b\nLEVEL=b\n\n# see keys\n# KEY=\n\n# a list; default: none\n# ICE=\'["x"]\'\n')
    expect(parseEnv(text)).toEqual({ LEVEL: 'b' })
    expect(parseEnv(text.replaceAll(/^# (?=[A-Z]+=)/gm, ''))).toEqual({ LEVEL: 'b', KEY: '', ICE: '["x"]' })
  })

  it('refuse a variable that says nothing about itself', () => {
    expect(() => variablesOf({ NEW: z.string() })).toThrow('NEW has no description')
  })

  it('are put between marks, and fail without them', () => {
    expect(withPart('a\n<!-- t -->\nold\n<!-- /t -->\nb', 't', 'new $1\n')).toBe('a\n<!-- t -->\nnew $1\n<!-- /t -->\nb')
    expect(() => withPart('a', 't', 'new')).toThrow('<!-- t -->')
  })

  it('give examples that the schema takes', () => {
    const examples = Object.fromEntries(
      variablesOf(OriginVariables.shape).flatMap(({ name, example }) => (example === undefined ? [] : [[name, example]])),
    )
    expect(OriginVariables.safeParse({ ORIGIN_KEY: 'o'.repeat(16), ...examples }).success).toBe(true)
  })
})
