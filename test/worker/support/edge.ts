/** Calls to the Worker under test, through its real routes. */

import { createExecutionContext } from 'cloudflare:test'
import { env, exports } from 'cloudflare:workers'
import { createApp } from '../../../worker/app.ts'
import type { Env } from '../../../worker/env.ts'
import { type OpenApiDocument, operationsOf } from '../../support/openapi.ts'
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

/** One request; with `vars`, to a Worker that is configured with them. Fails when the answer's status is not documented. */
export async function fetchEdge(path: string, { method, headers = {}, body, vars, base = BASE }: CallOptions = {}): Promise<Response> {
  const request = new Request(`${base}${path}`, {
    method: method ?? (body === undefined ? 'GET' : 'POST'),
    headers,
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  const response = await (vars === undefined ? exports.default.fetch(request) : app.fetch(request, envWith(vars), createExecutionContext()))
  await requireDocumented(request.method, path, response.status)
  return response
}

let document: Promise<OpenApiDocument> | undefined

/** The OpenAPI document of a Worker that asks for keys. */
export function openApi(): Promise<OpenApiDocument> {
  const digest = '0'.repeat(64)
  const vars = { AUTH_MODE: 'keys', API_KEYS: `tenant:${digest}`, ADMIN_KEYS: `operator:${digest}` }
  const request = new Request(`${BASE}/openapi.json`)
  document ??= Promise.resolve(app.fetch(request, envWith(vars), createExecutionContext())).then((response) => response.json())
  return document
}

/** @throws Error when the operation exists and its description does not list the status */
async function requireDocumented(method: string, path: string, status: number): Promise<void> {
  const parts = path.split('?')[0]?.split('/') ?? []
  const fits = (pattern: string[]) =>
    pattern.length === parts.length && pattern.every((part, i) => part.startsWith('{') || part === parts[i])
  const operation = operationsOf(await openApi()).find((candidate) => candidate.method === method && fits(candidate.path.split('/')))
  if (operation !== undefined && !(status in operation.responses)) throw new Error(`${operation.name} does not document ${status}`)
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
