import { Writable } from 'node:stream'
import { pino } from 'pino'
import { describe, expect, it } from 'vitest'
import { logOptions } from '../../origin/log.ts'

function lineOf(env: Record<string, string>, fields: Record<string, unknown>): string {
  let written = ''
  const sink = new Writable({
    write(chunk, _encoding, done) {
      written += String(chunk)
      done()
    },
  })
  pino(logOptions(env), sink).info(fields, 'message')
  return written
}

describe('log', () => {
  const fields = {
    session_id: 'sess_1',
    token: 'hush-1',
    headers: { authorization: 'hush-2' },
    request: { provider: { api_key: 'hush-3' } },
    pii: { text: 'hello from Ann' },
  }

  it('hides keys at any of three depths, and what people said', () => {
    const line = lineOf({}, fields)
    expect(line).toContain('sess_1')
    expect(line).not.toMatch(/hush|Ann/)
  })

  it('shows what people said only where that is asked for', () => {
    const line = lineOf({ LOG_PII: '1' }, fields)
    expect(line).toContain('Ann')
    expect(line).not.toContain('hush')
  })

  it('writes from the level that is asked for, from info where that is unknown', () => {
    expect(lineOf({ LOG_LEVEL: 'WARN' }, {})).toBe('')
    expect(lineOf({ LOG_LEVEL: 'shout' }, {})).toContain('message')
  })
})
