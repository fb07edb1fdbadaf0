/** Connections that come and go leave nothing behind: a session's way out against real peers, again and again; what they cost in memory, bench/leak.ts tells. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { EncoderPool } from '../../../origin/codec/encoder-pool.ts'
import { comeAndGo, loopbackEngine } from '../../support/clients/visit.ts'

const PEERS = 10

let encoders: EncoderPool
beforeAll(() => {
  encoders = new EncoderPool({ threads: 1, onCrash: () => undefined })
})
afterAll(async () => encoders.close())

const engine = loopbackEngine()
const held = (kind: string): number => process.getActiveResourcesInfo().filter((name) => name === kind).length

it('leave no socket, no timer and no encoder behind', async () => {
  await comeAndGo(engine, encoders)
  const timersBefore = held('Timeout')
  for (let i = 0; i < PEERS; i++) await comeAndGo(engine, encoders)
  expect(encoders.streams).toBe(0)
  await expect.poll(() => held('UDPWrap')).toBe(0)
  await expect.poll(() => held('Timeout')).toBeLessThanOrEqual(timersBefore)
})
