import { describe, expect, it } from 'vitest'
import { ClientEvent, ServerEvent } from '../../shared/events.ts'
import { callEdge, fetchEdge } from './support/edge.ts'

interface Document {
  paths: Record<string, Record<string, { responses: Record<string, unknown> }>>
  components: { schemas: Record<string, { properties?: Record<string, { const?: string }>; oneOf?: unknown[] }> }
}

describe('description', () => {
  it('holds every route of the reference and every event', async () => {
    const { body } = await callEdge('/openapi.json')
    const { paths, components } = body as unknown as Document
    expect(Object.keys(paths)).toEqual(
      expect.arrayContaining([
        '/v1/streaming.new',
        '/v1/streaming.start',
        '/v1/streaming.stop',
        '/v1/streaming.sessions',
        '/v1/chat.completions',
        '/v1/chat/completions',
        '/v1/whep/{session_id}',
        '/v1/admin/overview',
        '/v1/avatar.speak',
        '/health',
        '/metrics',
        '/ws/{session_id}',
      ]),
    )
    expect(Object.keys(paths['/v1/avatar.speak']?.post?.responses ?? {})).toEqual([
      '200',
      '400',
      '401',
      '403',
      '404',
      '413',
      '415',
      '429',
      '500',
      '503',
    ])
    expect(components.schemas.ClientEvent?.oneOf).toHaveLength(ClientEvent.options.length)
    expect(components.schemas.ServerEvent?.oneOf).toHaveLength(ServerEvent.options.length)
    expect(components.schemas.FrameEvent?.properties?.type?.const).toBe('frame')
    const dangling = [...JSON.stringify(body).matchAll(/"#\/components\/schemas\/([^"]+)"/g)].filter(
      ([, name]) => name !== undefined && components.schemas[name] === undefined,
    )
    expect(dangling).toEqual([])
  })

  it('has a page that needs nothing from elsewhere', async () => {
    const response = await fetchEdge('/docs')
    expect(response.headers.get('content-type')).toContain('text/html')
    const html = await response.text()
    expect(html).toContain('/openapi.json')
    expect(html).not.toMatch(/(src|href)="https?:/)
  })
})
