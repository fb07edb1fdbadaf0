import { reset } from 'cloudflare:test'
import { afterEach, describe, expect, it } from 'vitest'
import { MetricsResponse } from '../../shared/api.ts'
import { Exposition } from '../../worker/metrics/prometheus.ts'
import { callEdge, fetchEdge } from './support/edge.ts'
import { FakeOrigin, LOAD } from './support/fake-origin.ts'
import { parseExposition } from './support/prometheus.ts'
import { newSessionOn } from './support/sessions.ts'

afterEach(async () => {
  await reset()
})

const scrape = async (accept = 'text/plain') => {
  const response = await fetchEdge('/metrics', { headers: { accept } })
  return { type: response.headers.get('content-type'), text: await response.text() }
}
const turns = (counts: number[], sum: number) => ({ first_sound: { bounds: [100, 250.5], counts, sum } })

async function twoOrigins(): Promise<void> {
  const a = await FakeOrigin.start({
    originId: 'a "quoted" \\ name',
    load: { turns: turns([1, 2, 0], 400), render: { render_ms_p50: 9.5 } },
  })
  await newSessionOn(a)
  const b = await FakeOrigin.start({ originId: 'b', device: 'cuda', load: { average_latency: 140, gpu_usage: 50 } })
  b.control.send({ type: 'heartbeat', load: { ...LOAD, average_latency: 140, gpu_usage: 50, turns: turns([0, 1, 3], 2_000) } })
  await expect.poll(async () => (await callEdge('/metrics')).body.turns).toMatchObject({ first_sound: { sum: 2_400 } })
}

describe('metrics', () => {
  it('hold the steps of turns, of each origin and of all together', async () => {
    await twoOrigins()
    const metrics = MetricsResponse.parse((await callEdge('/metrics')).body)
    expect(metrics.turns).toEqual({ first_sound: { bounds: [100, 250.5], counts: [1, 3, 3], sum: 2_400 } })
    expect(metrics.origins.map((origin) => origin.turns.first_sound?.counts)).toEqual([
      [1, 2, 0],
      [0, 1, 3],
    ])
  })

  it('are told to Prometheus in its own format', async () => {
    await twoOrigins()
    const { type, text } = await scrape()
    expect(type).toBe('text/plain; version=0.0.4; charset=utf-8')
    const families = parseExposition(text)
    const value = (family: string, series: string) => families.get(family)?.samples.get(series)
    expect(value('avatar_origins', 'avatar_origins')).toBe(2)
    expect(value('avatar_sessions', 'avatar_sessions')).toBe(1)
    expect(value('avatar_sessions_created_total', 'avatar_sessions_created_total')).toBe(1)
    expect(families.get('avatar_turn_step_ms')?.samples).toEqual(
      new Map([
        ['avatar_turn_step_ms_bucket{le="100",step="first_sound"}', 1],
        ['avatar_turn_step_ms_bucket{le="250.5",step="first_sound"}', 4],
        ['avatar_turn_step_ms_bucket{le="+Inf",step="first_sound"}', 7],
        ['avatar_turn_step_ms_sum{step="first_sound"}', 2_400],
        ['avatar_turn_step_ms_count{step="first_sound"}', 7],
      ]),
    )
    expect(value('avatar_origin_turn_step_ms', 'avatar_origin_turn_step_ms_count{origin="b",step="first_sound"}')).toBe(4)
    const quoted = String.raw`origin="a \"quoted\" \\ name"`
    expect(value('avatar_origin_sessions', `avatar_origin_sessions{${quoted}}`)).toBe(1)
    expect(value('avatar_origin_stage', `avatar_origin_stage{${quoted},stage="render_ms_p50"}`)).toBe(9.5)
    expect(value('avatar_origin_cpu_ratio', 'avatar_origin_cpu_ratio{origin="b"}')).toBe(0.125)
    expect(families.get('avatar_origin_gpu_ratio')?.samples.size).toBe(1)
    expect(families.get('avatar_origin_first_sound_ms')?.samples).toEqual(new Map([['avatar_origin_first_sound_ms{origin="b"}', 140]]))
  })

  it('are text for whoever asks for text alone, else JSON', async () => {
    const prometheus = 'application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2'
    const types = new Map<string, string | null>()
    for (const accept of [prometheus, 'text/plain', '*/*', 'application/json, text/plain, */*', 'text/html,*/*;q=0.8']) {
      types.set(accept, (await scrape(accept)).type)
    }
    expect([...types.values()].map((type) => type?.split(';')[0])).toEqual([
      'text/plain',
      'text/plain',
      'application/json',
      'application/json',
      'application/json',
    ])
  })

  it('are well formed without an origin', async () => {
    const families = parseExposition((await scrape()).text)
    expect(families.get('avatar_origins')?.samples).toEqual(new Map([['avatar_origins', 0]]))
    expect(families.has('avatar_turn_step_ms')).toBe(false)
  })

  it('ask for the key in either form', async () => {
    const vars = { AUTH_MODE: 'keys', API_KEYS: `acme:${'0'.repeat(64)}` }
    expect((await fetchEdge('/metrics', { vars, headers: { accept: 'text/plain' } })).status).toBe(401)
  })
})

describe('the text format', () => {
  it('escapes what would end a line, and knows numbers beyond all', () => {
    const text = new Exposition()
    text.gauge('a', 'one\ntwo \\ three', [{ labels: { l: 'x\n"\\' }, value: Number.POSITIVE_INFINITY }, { value: 1e-9 }])
    expect(text.toString()).toBe('# HELP a one\\ntwo \\\\ three\n# TYPE a gauge\na{l="x\\n\\"\\\\"} +Inf\na 1e-9\n')
    expect(parseExposition(text.toString()).get('a')?.samples.size).toBe(2)
  })

  it.each([
    ['a 1\n', 'of no family'],
    ['# TYPE a gauge\na 1\n', 'no help'],
    ['# HELP a a\n# TYPE a gauge\na 1\na 1\n', 'second time'],
    ['# HELP a a\n# TYPE a gauge\na{l="x} 1\n', 'cannot be read'],
    ['# HELP a a\n# TYPE a histogram\na_bucket{le="1"} 2\na_bucket{le="+Inf"} 1\na_sum 1\na_count 1\n', 'do not rise'],
    ['# HELP a a\n# TYPE a gauge\na 1', 'does not end'],
  ])('is read strictly by these tests: %j', (text, why) => {
    expect(() => parseExposition(text)).toThrow(why)
  })
})
