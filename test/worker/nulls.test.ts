/** Many languages write a field that was not set as null. */
import { reset } from 'cloudflare:test'
import { afterEach, beforeEach, expect, it } from 'vitest'
import * as z from 'zod'
import { AvatarError } from '../../shared/errors.ts'
import { ClientEvent } from '../../shared/events.ts'
import { parseClientMessage } from '../../worker/session/parse-client-message.ts'
import { type OpenApiDocument, operationsOf, withNullFields } from '../support/openapi.ts'
import { callEdge, errorOf, openApi } from './support/edge.ts'
import { FakeOrigin } from './support/fake-origin.ts'

let origin: FakeOrigin
beforeEach(async () => {
  origin = await FakeOrigin.start()
  origin.respondText = (_params, control, id) => control.send({ type: 'response', id, result: {} })
})
afterEach(async () => {
  await reset()
})

const PLENTY = { RATE_LIMIT_SESSIONS: '100000', RATE_LIMIT_SPEAK: '100000', RATE_LIMIT_CHAT: '100000', MAX_SESSIONS: '100000' }

it('a field that is null is absent, in the body of every route', async () => {
  const document = await openApi()
  const fields: string[] = []
  for (const { name, path, method, requestBody } of operationsOf(document)) {
    const schema = requestBody?.content['application/json']?.schema
    if (schema === undefined) continue
    for (const { field, value, without } of withNullFields(document, schema)) {
      const outcome = async (body: unknown) => {
        const answer = await callEdge(path, { method, body: JSON.stringify(body), vars: PLENTY })
        return [answer.status, 'error' in answer.body ? errorOf(answer.body) : undefined]
      }
      expect(await outcome(value), `${name} ${field}`).toEqual(await outcome(without))
      fields.push(`${name} ${field}`)
    }
  }
  expect(fields).toContain('POST /v1/chat/completions messages.0.content.0.image_url.detail')
  expect(fields).toContain('POST /v1/streaming.new turn_detection')
  expect(fields).toContain('POST /v1/avatar.speak voice_settings.speed')
  expect(fields.length).toBeGreaterThan(80)
})

it('in every message of a socket', () => {
  const schemas = z.toJSONSchema(ClientEvent, { io: 'input' })
  const document = { paths: {}, components: { schemas: schemas.$defs ?? {} } } as unknown as OpenApiDocument
  const outcome = (value: unknown): unknown => {
    try {
      return parseClientMessage(JSON.stringify(value))
    } catch (thrown) {
      return thrown instanceof AvatarError ? thrown.toBody() : thrown
    }
  }
  let count = 0
  for (const { field, value, without } of withNullFields(document, schemas as Record<string, unknown>)) {
    expect(outcome(value), field).toEqual(outcome(without))
    count++
  }
  expect(count).toBeGreaterThanOrEqual(8)
})

it('and a null where something is needed is refused by the name of the field', async () => {
  const { body } = await callEdge('/v1/avatar.speak', { body: { session_id: '550e8400-e29b-41d4-a716-446655440000', text: null } })
  expect(errorOf(body)).toMatchObject({ code: 'INVALID_REQUEST', details: { issues: [{ path: 'text' }] } })
})
