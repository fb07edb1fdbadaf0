import { createExecutionContext, reset } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, describe, expect, it } from 'vitest'
import * as z from 'zod'
import { createApp } from '../../worker/app.ts'
import { RouteTable } from '../../worker/http/declare-route.ts'
import { sha256 } from './support/keys.ts'

afterEach(async () => {
  await reset()
})

const ABOUT = { tag: 'Test', summary: 'A route of the tests' } as const
const done = () => new Response('done')

describe('a declaration', () => {
  // what is wrong here must not compile; it need not run
  it('is complete, or it does not compile', () => {
    const wrong = (routes: RouteTable): void => {
      // @ts-expect-error who may call is not declared
      routes.get({ ...ABOUT, path: '/without-auth', rate: 'none' }, done)
      // @ts-expect-error the limit is not declared
      routes.get({ ...ABOUT, path: '/without-rate', auth: 'key' }, done)
      // @ts-expect-error there is no such caller
      routes.get({ ...ABOUT, path: '/other-auth', auth: 'anybody', rate: 'none' }, done)
      // @ts-expect-error there is nobody whose calls could be counted
      routes.get({ ...ABOUT, path: '/open-limited', auth: 'open', rate: 'chat' }, done)
      // @ts-expect-error neither documented nor internal
      routes.get({ path: '/undocumented', auth: 'open', rate: 'none' }, done)
      // @ts-expect-error a path without any declaration
      routes.get('/undeclared', done)
      // @ts-expect-error the router itself declares nothing
      routes.app.get
      // @ts-expect-error nor does the whole app
      createApp().post
    }
    expect(wrong).toBeTypeOf('function')
    const routes = new RouteTable()
    routes.get({ ...ABOUT, path: '/complete', auth: 'key', rate: 'none' }, done)
    expect(routes.declared).toHaveLength(1)
  })

  it('decides what its handler gets', () => {
    const routes = new RouteTable()
    const id = z.object({ session_id: z.string() })
    const base = { ...ABOUT, rate: 'none' } as const
    routes.get({ ...base, path: '/a/{session_id}', auth: 'session' }, ({ session }) => new Response(session.id))
    routes.post({ ...base, path: '/b', auth: 'session', body: id }, ({ session, body }) => new Response(session.id + body.session_id))
    // @ts-expect-error the request may name no session
    routes.post({ ...base, path: '/c', auth: 'session', body: id.partial() }, ({ session }) => new Response(session.id))
    routes.get({ ...base, path: '/d', auth: 'key' }, ({ tenant }) => new Response(tenant))
    // @ts-expect-error an API key names no session
    routes.get({ ...base, path: '/e/{session_id}', auth: 'key' }, ({ session }) => new Response(session.id))
    // @ts-expect-error an operator is no tenant
    routes.get({ ...base, path: '/f', auth: 'admin' }, ({ tenant }) => new Response(tenant))
    // @ts-expect-error nobody is known
    routes.get({ ...base, path: '/g', auth: 'open' }, ({ operator }) => new Response(operator))
    // @ts-expect-error there is no body
    routes.get({ ...base, path: '/h', auth: 'key' }, ({ body }) => new Response(body))
    expect(routes.declared.map(({ method }) => method)).toEqual(['get', 'post', 'post', 'get', 'get', 'get', 'get', 'get'])
  })
})

describe('a body', () => {
  it('is not read of a caller without a key', async () => {
    let pulled = 0
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        pulled += 1
        controller.enqueue(new Uint8Array(65_536).fill(32))
        if (pulled === 100) controller.close()
      },
    })
    const keys = { AUTH_MODE: 'keys', API_KEYS: `acme:${await sha256('key-a')}` }
    const request = new Request('http://localhost/v1/streaming.new', { method: 'POST', body })
    const response = await createApp().fetch(request, { ...env, ...keys }, createExecutionContext())
    expect(response.status).toBe(401)
    // the stream itself prepares one piece before anybody reads
    expect(pulled).toBeLessThanOrEqual(1)
  })
})
