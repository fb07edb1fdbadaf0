/** The API's description for machines and for people, made from the declarations and schemas that routes and sockets use. */
import { ChatChunk } from '../../shared/chat.ts'
import { ClientEvent, ServerEvent, SocketOptions } from '../../shared/events.ts'
import { SessionId, TaskId } from '../../shared/ids.ts'
import { VERSION } from '../../shared/version.ts'
import page from '../docs/page.html'
import { apiBase } from '../http/addresses.ts'
import type { RouteTable } from '../http/declare-route.ts'
import { openApiDocument } from '../http/openapi.ts'

/** The page holds its own script and style, and calls this edge only; sockets may have another host. */
const PAGE_POLICY =
  "default-src 'self' 'unsafe-inline'; connect-src 'self' ws: wss:; img-src data:; media-src data:; frame-ancestors 'self'"

export function mountDocs(routes: RouteTable): void {
  routes.get({ path: '/openapi.json', auth: 'open', rate: 'none', tag: 'Description', summary: 'This description' }, ({ context }) =>
    context.json(
      openApiDocument({
        routes: routes.declared,
        schemas: { ClientEvent, ServerEvent, ChatChunk, SocketOptions, SessionId, TaskId },
        config: context.get('config'),
        info: {
          title: 'AvaTar',
          version: VERSION,
          description: 'An interactive avatar: a person who says what you send, with sound, lips in sync, over one WebSocket or WebRTC.',
          license: { name: 'MIT' },
        },
        server: apiBase(context),
      }),
    ),
  )
  routes.get({ path: '/docs', auth: 'open', rate: 'none', internal: true }, ({ context }) =>
    context.html(page, 200, { 'content-security-policy': PAGE_POLICY }),
  )
  routes.get({ path: '/', auth: 'open', rate: 'none', internal: true, status: 302 }, ({ context }) => context.redirect('docs', 302))
}
