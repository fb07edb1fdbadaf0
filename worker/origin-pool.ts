/** The Durable Object that knows every origin: heartbeats, placement, loss and return. `/health` and `/metrics` read it. */
import { DurableObject } from 'cloudflare:workers'
import type { AvatarInfo, VoiceInfo } from '../shared/api.ts'
import { ERRORS } from '../shared/errors.ts'
import { type ControlDown, ControlUp, HEARTBEAT_S, type OriginHello, type SessionConfig } from '../shared/link.ts'
import { PROTOCOL_VERSION } from '../shared/version.ts'
import type { Env } from './env.ts'
import { log } from './log.ts'
import { chooseOrigin } from './pool/choose-origin.ts'
import { ControlSocket, restoreControls } from './pool/control-socket.ts'
import { Placements, type SessionReport } from './pool/placements.ts'
import { noOrigin, type Result, succeed } from './result.ts'
import { closeQuietly } from './session/client-socket.ts'
import { type OriginNews, type Placement, samePlacement } from './session-state.ts'
import { socketResponse } from './socket.ts'
import { sessionStub } from './stubs.ts'

/** An origin that was silent for this long is lost, ms. */
export const SILENCE_MS = 3 * HEARTBEAT_S * 1000

export interface Placed {
  placement: Placement
  /** As the origin has it: a voice that it does not know is null. */
  config: SessionConfig
  warnings: string[]
}

export interface PoolSnapshot {
  origins: { origin_id: string; started_at: number; device: string; draining: boolean; sessions: number; load: OriginHello['load'] }[]
  active_sessions: number
  total_sessions: number
  client_sockets: number
  store_bytes: number
}

/** How long one origin may take to answer whether it takes a session, ms. */
const ANSWER_MS = 2_000

type Opened = { accepted: boolean; code?: string | undefined; message?: string | undefined }

export class OriginPool extends DurableObject<Env> {
  readonly #placements: Placements
  readonly #controls: Map<WebSocket, ControlSocket>
  /** When control sockets closed, Unix ms, by process; a process is given SILENCE_MS to dial again. */
  readonly #lostAt = new Map<string, number>()
  /** What stands in storage was not compared with the sessions since this object started. */
  #unchecked = true
  /** Processes whose sessions were told of the loss; their sessions may come back without the control socket. */
  readonly #told = new Set<string>()
  /** Questions `session_open` that wait for their answer, by session. */
  readonly #opening = new Map<string, (opened: Opened) => void>()

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env)
    this.#placements = new Placements(ctx.storage)
    this.#controls = restoreControls(ctx)
  }

  // --- calls ----------------------------------------------------------------------------------------------------------

  /** Opens the session at the least loaded origin that fits. Tries the next one when an origin declines or stays silent. */
  async place(wanted: SessionConfig, waitMs: number): Promise<Result<Placed>> {
    const deadline = Date.now() + waitMs
    const declined = new Set<string>()
    for (;;) {
      const choice = chooseOrigin([...this.#controls.values()], this.#placements.countByOrigin(), wanted, declined)
      if (!choice.ok) return choice
      const origin = choice.value
      const { config, warnings } = withKnownVoice(wanted, origin.hello.voices)
      this.#placements.put(config.session_id, origin.placement)
      const opened = await this.#open(origin, config, Math.min(ANSWER_MS, deadline - Date.now()))
      if (opened?.accepted === true) return succeed({ placement: origin.placement, config, warnings })
      this.#drop(origin, config.session_id)
      this.#placements.remove(config.session_id)
      declined.add(origin.hello.origin_id)
      log.warn('origin declined a session', { origin_id: origin.hello.origin_id, code: opened?.code ?? 'silent' })
      if (Date.now() >= deadline) return noOrigin('No origin took the session in time; try again.')
    }
  }

  /** The session has ended. */
  release(sessionId: string): void {
    const placement = this.#placements.of(sessionId)
    this.#placements.remove(sessionId)
    for (const control of this.#controls.values()) {
      if (placement !== undefined && samePlacement(control.placement, placement)) this.#drop(control, sessionId)
    }
  }

  /** A session was created, for the total. */
  countCreated(): void {
    this.#placements.countCreated()
  }

  reportSession(sessionId: string, report: SessionReport): void {
    this.#placements.report(sessionId, report)
  }

  avatars(): AvatarInfo[] {
    return distinct([...this.#controls.values()].flatMap(({ hello }) => hello.avatars).map((avatar) => [avatar.avatar_id, avatar]))
  }

  voices(): VoiceInfo[] {
    return distinct([...this.#controls.values()].flatMap(({ hello }) => hello.voices).map((voice) => [voice.voice_id, voice]))
  }

  async snapshot(): Promise<PoolSnapshot> {
    if (this.#unchecked) await this.#checkOrphans(Date.now())
    const counts = this.#placements.countByOrigin()
    const totals = this.#placements.totals(this.#connectedBoots())
    return {
      origins: [...this.#controls.values()].map(({ hello, load, draining }) => ({
        origin_id: hello.origin_id,
        started_at: hello.started_at,
        device: hello.device,
        draining,
        sessions: counts.get(hello.origin_id) ?? 0,
        load,
      })),
      ...totals,
      store_bytes: totals.store_bytes + this.ctx.storage.sql.databaseSize,
    }
  }

  // --- sockets --------------------------------------------------------------------------------------------------------

  override fetch(_request: Request): Response {
    const [theirs, ours] = Object.values(new WebSocketPair()) as [WebSocket, WebSocket]
    this.ctx.acceptWebSocket(ours, ['control'])
    return socketResponse(theirs)
  }

  override async webSocketMessage(ws: WebSocket, message: string | ArrayBuffer): Promise<void> {
    const parsed = typeof message === 'string' ? parseControl(message) : undefined
    const control = this.#controls.get(ws)
    if (parsed === undefined) {
      log.warn('control message not understood', { origin_id: control?.hello.origin_id })
      return
    }
    if (parsed.type === 'origin_hello') return this.#hello(ws, parsed)
    if (control === undefined) return closeQuietly(ws, ERRORS.INVALID_REQUEST.close, 'origin_hello expected')
    if (parsed.type === 'heartbeat') control.beat(parsed.load, Date.now())
    else if (parsed.type === 'draining') control.drain()
    else if (parsed.type === 'session_opened') this.#opening.get(parsed.session_id)?.(parsed)
  }

  override async webSocketClose(ws: WebSocket, code: number): Promise<void> {
    closeQuietly(ws, code === 1005 || code === 1006 ? 1000 : code, '')
    this.#lose(ws)
  }

  override async webSocketError(ws: WebSocket): Promise<void> {
    this.#lose(ws)
  }

  /** Finds silent origins, and the sessions of origins that are not here. */
  override async alarm(): Promise<void> {
    const now = Date.now()
    for (const [ws, control] of this.#controls) {
      if (now - control.seenAt < SILENCE_MS) continue
      closeQuietly(ws, ERRORS.ORIGIN_UNAVAILABLE.close, 'no heartbeat')
      this.#lose(ws)
      this.#lostAt.delete(control.hello.boot_id)
    }
    await this.#checkOrphans(now)
    if (this.#controls.size === 0 && this.#placements.all().length === 0) return
    const oldest = Math.min(now, ...[...this.#controls.values()].map(({ seenAt }) => seenAt))
    await this.ctx.storage.setAlarm(Math.max(now + 1000, oldest + SILENCE_MS))
  }

  /** Asks the sessions of processes that are not here what became of them; at the first time they are told of the loss. */
  async #checkOrphans(now: number): Promise<void> {
    this.#unchecked = false
    const here = this.#connectedBoots()
    const orphans = this.#placements
      .all()
      .filter(({ placement: { boot_id } }) => !here.has(boot_id) && now - (this.#lostAt.get(boot_id) ?? 0) >= SILENCE_MS)
    const news = orphans.map(({ session_id, placement }) =>
      this.#tellNews(session_id, placement, this.#told.has(placement.boot_id) ? 'nothing' : 'lost'),
    )
    for (const { placement } of orphans) this.#told.add(placement.boot_id)
    await Promise.all(news)
  }

  #connectedBoots(): Set<string> {
    return new Set([...this.#controls.values()].map(({ hello }) => hello.boot_id))
  }

  async #hello(ws: WebSocket, hello: OriginHello): Promise<void> {
    if (hello.protocol_version !== PROTOCOL_VERSION) {
      return closeQuietly(ws, ERRORS.INVALID_REQUEST.close, `this edge speaks protocol ${PROTOCOL_VERSION}`)
    }
    for (const [other, { hello: known }] of this.#controls) {
      if (known.origin_id !== hello.origin_id || other === ws) continue
      this.#controls.delete(other)
      closeQuietly(other, 1012, 'replaced')
    }
    const control = new ControlSocket(ws, hello, Date.now())
    this.#controls.set(ws, control)
    this.#told.delete(hello.boot_id)
    this.#lostAt.delete(hello.boot_id)
    this.#placements.keepHello(hello)
    control.send({ type: 'welcome', protocol_version: PROTOCOL_VERSION } satisfies ControlDown)
    log.info('origin connected', { origin_id: hello.origin_id, device: hello.device, capacity: hello.load.capacity })
    await this.ctx.storage.setAlarm(Date.now() + SILENCE_MS)
    await this.#reconcile(control)
  }

  /** Compares what the origin holds with what is placed on it. */
  async #reconcile(control: ControlSocket): Promise<void> {
    const { hello, placement } = control
    const mine = this.#placements.all().filter((row) => row.placement.origin_id === hello.origin_id)
    const placedHere = new Set(mine.filter((row) => row.placement.boot_id === hello.boot_id).map(({ session_id }) => session_id))
    for (const sessionId of hello.sessions) if (!placedHere.has(sessionId)) this.#drop(control, sessionId)
    const held = new Set(hello.sessions)
    const gone = mine.filter(
      (row) => !samePlacement(row.placement, placement) || (!held.has(row.session_id) && !this.#opening.has(row.session_id)),
    )
    await Promise.all(gone.map((row) => this.#tellNews(row.session_id, row.placement, 'dead')))
  }

  async #tellNews(sessionId: string, placement: Placement, news: OriginNews): Promise<void> {
    const { known, sockets } = await sessionStub(this.env, sessionId).originNews(placement, news)
    if (known) this.#placements.report(sessionId, { sockets })
    else this.#placements.remove(sessionId)
  }

  #lose(ws: WebSocket): void {
    const control = this.#controls.get(ws)
    if (control === undefined) return
    this.#controls.delete(ws)
    this.#lostAt.set(control.hello.boot_id, Date.now())
    log.warn('origin lost', { origin_id: control.hello.origin_id })
  }

  /** Undefined when the origin did not answer in time. */
  async #open(origin: ControlSocket, config: SessionConfig, waitMs: number): Promise<Opened | undefined> {
    const { promise, resolve } = Promise.withResolvers<Opened | undefined>()
    this.#opening.set(config.session_id, resolve)
    const timer = setTimeout(() => resolve(undefined), Math.max(0, waitMs))
    if (!origin.send({ type: 'session_open', config })) resolve(undefined)
    try {
      return await promise
    } finally {
      clearTimeout(timer)
      this.#opening.delete(config.session_id)
    }
  }

  #drop(control: ControlSocket, sessionId: string): void {
    control.send({ type: 'session_drop', session_id: sessionId, reason: 'origin_lost' })
  }
}

function withKnownVoice(config: SessionConfig, voices: VoiceInfo[]): { config: SessionConfig; warnings: string[] } {
  if (config.voice_id === null || voices.some(({ voice_id }) => voice_id === config.voice_id)) return { config, warnings: [] }
  return {
    config: { ...config, voice_id: null },
    warnings: [`The voice provider does not know voice_id ${JSON.stringify(config.voice_id)}; its default voice speaks.`],
  }
}

function distinct<T>(entries: [string, T][]): T[] {
  return [...new Map(entries).values()]
}

function parseControl(text: string): ControlUp | undefined {
  try {
    return ControlUp.parse(JSON.parse(text))
  } catch {
    // undefined says so; the caller logs it
    return undefined
  }
}
