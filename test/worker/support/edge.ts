/** Calls to the Worker under test, through its real routes. */

import { createExecutionContext } from 'cloudflare:test'
import { env, exports } from 'cloudflare:workers'
import { createApp } from '../../../worker/app.ts'
import type { Env } from '../../../worker/env.ts'
import { type Json, Peer } from './peer.ts'

const BASE = 'http://localhost:8000'
const app = createApp()

export interface CallOptions {
  method?: string
  headers?: Record<string, string>
  body?: unknown
  /** Variables that differ from those of the configuration. */
  vars?: Record<string, string>
  /** Scheme, host and port that are called. @default http://localhost:8000 */
  base?: string
}

/** One request; with `vars`, to a Worker that is configured with them. */
export async function fetchEdge(path: string, { method, headers = {}, body, vars, base = BASE }: CallOptions = {}): Promise<Response> {
  const request = new Request(`${base}${path}`, {
    method: method ?? (body === undefined ? 'GET' : 'POST'),
    headers,
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  if (vars === undefined) return exports.default.fetch(request)
  return app.fetch(request, envWith(vars), createExecutionContext())
}

const envs = new Map<string, Env>()
function envWith(vars: Record<string, string>): Env {
  const key = JSON.stringify(vars)
  const made = envs.get(key) ?? ({ ...env, ...vars } as Env)
  envs.set(key, made)
  return made
}

export async function callEdge(path: string, options: CallOptions = {}): Promise<{ status: number; headers: Headers; body: Json }> {
  const response = await fetchEdge(path, options)
  return { status: response.status, headers: response.headers, body: (await response.json()) as Json }
}

/** The `error` of an answer. */
export function errorOf(body: Json): { code: string; message: string; details: Json } {
  return body.error as { code: string; message: string; details: Json }
}

export async function openPeer(path: string, { headers = {}, ...options }: CallOptions = {}): Promise<Peer> {
  const response = await fetchEdge(path, { ...options, headers: { upgrade: 'websocket', ...headers } })
  if (response.webSocket === null) throw new Error(`${path} did not open: ${response.status} ${await response.text()}`)
  return new Peer(response.webSocket)
}

/** A session's client socket, and its first event taken. */
export async function openClient(sessionId: string, query = ''): Promise<{ client: Peer; state: Json }> {
  const client = await openPeer(`/ws/${sessionId}${query}`)
  return { client, state: await client.next('session_state') }
}
