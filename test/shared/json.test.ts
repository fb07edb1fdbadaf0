import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import { ChatTool } from '../../shared/chat.ts'
import { SessionId } from '../../shared/ids.ts'
import { MAX_JSON_DEPTH, OpenObject, parseJson, parseJsonAs } from '../../shared/json.ts'

/** Objects within one another, so many of them. */
const nested = (levels: number): unknown => JSON.parse(`${'{"a":'.repeat(levels - 1)}{}${'}'.repeat(levels - 1)}`)
/** An object of lists within one another. */
const nestedLists = (levels: number): unknown => ({ a: JSON.parse(`${'['.repeat(levels - 1)}0${']'.repeat(levels - 1)}`) })

describe('JSON that may be damaged', () => {
  it.each(['', '{', '{"a":}', 'undefined', "{'a':1}"])('is undefined: %s', (text) => {
    expect(parseJson(text)).toBeUndefined()
    expect(parseJsonAs(z.unknown(), text)).toBeUndefined()
  })

  it('is read as its schema has it, or not at all', () => {
    const schema = z.object({ a: z.int().default(1) })
    expect(parseJsonAs(schema, '{"b":2}')).toEqual({ a: 1 })
    expect(parseJsonAs(schema, '{"a":"1"}')).toBeUndefined()
    expect(parseJsonAs(schema, 'null')).toBeUndefined()
  })
})

describe('an object of any shape', () => {
  it.each([1, 2, MAX_JSON_DEPTH])('may be nested %d deep', (levels) => {
    for (const value of [nested(levels), nestedLists(levels)]) expect(OpenObject.safeParse(value).success).toBe(true)
  })

  it.each([MAX_JSON_DEPTH + 1, 3_000, 200_000])('may not be nested %d deep', (levels) => {
    for (const value of [nested(levels), nestedLists(levels)]) {
      expect(OpenObject.safeParse(value).error?.issues).toMatchObject([{ path: [], message: expect.stringContaining('64 levels') }])
    }
  })

  it('may be as wide as it likes', () => {
    const wide = Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`key_${i}`, [{ i }, null]]))
    expect(OpenObject.parse(wide)).toEqual(wide)
  })

  it('is what a tool takes', () => {
    const tool = (parameters: unknown) => ChatTool.safeParse({ type: 'function', function: { name: 'f', parameters } })
    expect(tool(nested(MAX_JSON_DEPTH)).success).toBe(true)
    expect(tool(nested(3_000)).error?.issues[0]?.path).toEqual(['function', 'parameters'])
  })
})

it('reads a session id in either case, and no other text', () => {
  const id = '550e8400-e29b-41d4-a716-446655440000'
  expect([SessionId.parse(id), SessionId.parse(id.toUpperCase())]).toEqual([id, id])
  for (const other of ['', 'SESSION_ID', `${id}0`, ` ${id}`, id.replaceAll('-', '')]) expect(SessionId.safeParse(other).success).toBe(false)
})
