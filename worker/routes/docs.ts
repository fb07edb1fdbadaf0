/** The API's description for machines and for people, made from the schemas that the routes and sockets use. */
import * as z from 'zod'
import { ChatChunk } from '../../shared/chat.ts'
import { ClientEvent, ServerEvent, SocketOptions } from '../../shared/events.ts'
import { SessionId, TaskId } from '../../shared/ids.ts'
import { VERSION } from '../../shared/version.ts'
import page from '../docs/page.html'
import { apiBase } from '../http/addresses.ts'
import type { App, AppContext } from '../http/context.ts'
import { get } from '../http/declare-route.ts'

/** The page holds its own script and style, and calls this edge only; sockets may have another host. */
const PAGE_POLICY =
  "default-src 'self' 'unsafe-inline'; connect-src 'self' ws: wss:; img-src data:; media-src data:; frame-ancestors 'self'"

export function mountDocs(app: App): void {
  get(app, { path: '/openapi.json', tag: 'Description', summary: 'This description', open: true }, (context) =>
    context.json(describe(app, context)),
  )
  app.get('/docs', (context) => context.html(page, 200, { 'content-security-policy': PAGE_POLICY }))
}

function describe(app: App, context: AppContext): object {
  const document = app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'AvaTar',
      version: VERSION,
      description: 'An interactive avatar: a person who says what you send, with sound, lips in sync, over one WebSocket or WebRTC.',
      license: { name: 'MIT' },
    },
    servers: [{ url: apiBase(context) }],
    security: context.get('config').AUTH_MODE === 'open' ? [] : [{ bearer: [] }],
  })
  return {
    ...document,
    components: {
      ...document.components,
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer', description: 'An API key, or the access_token of one session.' } },
      schemas: { ...document.components?.schemas, ...eventSchemas() },
    },
  }
}

/** Schemas that no route names: events, chunks of a streamed chat, socket options. */
function eventSchemas(): Record<string, unknown> {
  const registry = z.registry<{ id: string }>()
  const named: [string, z.ZodType][] = [
    ['ClientEvent', ClientEvent],
    ['ServerEvent', ServerEvent],
    ['ChatChunk', ChatChunk],
    ['SocketOptions', SocketOptions],
    ['SessionId', SessionId],
    ['TaskId', TaskId],
  ]
  for (const option of [...ClientEvent.options, ...ServerEvent.options]) {
    const id = z.globalRegistry.get(option)?.id
    if (id !== undefined) named.push([id, option])
  }
  for (const [id, schema] of named) registry.add(schema, { ...z.globalRegistry.get(schema), id })
  const { schemas } = z.toJSONSchema(registry, { io: 'input', uri: (id) => `${COMPONENTS}${id}` })
  const { [SHARED]: shared, ...own } = schemas
  const all: Record<string, { $schema?: string; $id?: string }> = { ...shared?.$defs, ...own }
  const bare = Object.entries(all).map(([id, { $schema: _schema, $id: _id, ...schema }]) => [id, schema])
  return JSON.parse(JSON.stringify(Object.fromEntries(bare)).replaceAll(`${COMPONENTS}${SHARED}#/$defs/`, COMPONENTS))
}

const COMPONENTS = '#/components/schemas/'
/** Where zod puts schemas that have a name of their own and stand inside others. */
const SHARED = '__shared'
