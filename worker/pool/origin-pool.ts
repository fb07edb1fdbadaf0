/** The Durable Object that knows every origin: heartbeats, placement of sessions, loss and return. `/health` and `/metrics` read it. */
import { DurableObject } from 'cloudflare:workers'
import type { HistoryPoint } from '../../shared/admin.ts'
import type { AvatarInfo, VoiceInfo } from '../../shared/api.ts'
import type { ChatRequest } from '../../shared/chat.ts'
import { ERRORS } from '../../shared/errors.ts'
import { parseJsonAs } from '../../shared/json.ts'
import { type ControlDown, ControlUp, type OriginHello, type SessionConfig } from '../../shared/link.ts'
import { PROTOCOL_VERSION, VERSION } from '../../shared/version.ts'
import type { Env } from '../env.ts'
import { log } from '../log.ts'
import {
  type CallResult,
  type OriginNews,
  type Placed,
  type Placement,
  type PoolModel,
  type PoolObject,
  type PoolSession,
  type PoolSnapshot,
  type SessionFigures,
  samePlacement,
} from '../objects/contracts.ts'
import { fromOrigin, noOrigin, type Result, succeed } from '../objects/result.ts'
import { answerClose, closeQuietly, refuseOtherProtocol, socketResponse } from '../objects/sockets.ts'
import { sessionStub } from '../objects/stubs.ts'
import { chooseOrigin, leastLoaded } from './choose-origin.ts'
import { ControlSocket, restoreControls } from './control-socket.ts'
import { History, momentOf } from './history.ts'
import { LostOrigins, SILENCE_MS } from './lost-origins.ts'
import { Opening } from './opening.ts'
import { Placements } from './placements.ts'
import { TextChats } from './text-chats.ts'

export class OriginPool extends DurableObject<Env> implements PoolObject {
  readonly #placements: Placements
  readonly #controls: Map<WebSocket, ControlSocket>
  readonly #lostOrigins: LostOrigins
  readonly #opening = new Opening()
  readonly #textChats = new TextChats()
  readonly #history: History

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env)
    this.#placements = new Placements(ctx.storage)
    this.#controls = restoreControls(ctx)
    this.#history = new History(ctx.storage)
    this.#lostOrigins = new LostOrigins({
      placements: this.#placements,
      connected: () => this.#connectedBoots(),
      tellNews: (sessionId, placement, news) => this.#tellNews(sessionId, placement, news),
    })
  }

  // --- calls ----------------------------------------------------------------------------------------------------------

  async place(wanted: SessionConfig, tenant: string, waitMs: number): Promise<Result<Placed>> {
    const deadline = Date.now() + waitMs
    const declined = new Set<string>()
    for (;;) {
      const choice = chooseOrigin([...this.#controls.values()], this.#placements.countByOrigin(), wanted, declined)
      if (!choice.ok) return choice
      const origin = choice.value
      const { config, warnings } = withKnownVoice(wanted, origin.hello.voices)
      this.#placements.put(config, tenant, origin.placement)
      const opened = await this.#opening.ask(origin, config, deadline - Date.now())
      if (opened?.accepted === true) return succeed({ placement: origin.placement, config, warnings })
      this.#drop(origin, config.session_id)
      this.#placements.remove(config.session_id)
      declined.add(origin.hello.origin_id)
      log.warn('origin declined a session', { origin_id: origin.hello.origin_id, code: opened?.code ?? 'silent' })
      if (Date.now() >= deadline) return noOrigin('No origin took the session in time; try again.')
    }
  }

  textChat(id: string, params: ChatRequest): Promise<Result<CallResult>> {
    return this.#textChats.ask(id, this.#leastLoaded(), params)
  }

  textChatStream(id: string, params: ChatRequest): Promise<Result<ReadableStream<Uint8Array>>> {
    return this.#textChats.askStream(id, this.#leastLoaded(), params)
  }

  async cancelTextChat(id: string): Promise<void> {
    this.#textChats.cancel(id)
  }

  async release(sessionId: string): Promise<void> {
    const placement = this.#placements.of(sessionId)
    this.#placements.remove(sessionId)
    for (const control of this.#controls.values()) {
      if (placement !== undefined && samePlacement(control.placement, placement)) this.#drop(control, sessionId)
    }
  }

  async countCreated(): Promise<void> {
    this.#placements.countCreated()
  }

  async reportSession(sessionId: string, figures: SessionFigures): Promise<void> {
    this.#placements.report(sessionId, figures)
  }

  async avatars(): Promise<AvatarInfo[]> {
    return distinct([...this.#controls.values()].flatMap(({ hello }) => hello.avatars).map((avatar) => [avatar.avatar_id, avatar]))
  }

  async voices(): Promise<VoiceInfo[]> {
    return distinct([...this.#controls.values()].flatMap(({ hello }) => hello.voices).map((voice) => [voice.voice_id, voice]))
  }

  async models(): Promise<PoolModel[]> {
    const hellos = [...this.#controls.values()].map(({ hello }) => hello)
    return distinct(hellos.flatMap(({ models, started_at }) => models.map((model) => [model.id, { ...model, since: started_at }] as const)))
  }

  async snapshot(): Promise<PoolSnapshot> {
    if (!this.#lostOrigins.checked) await this.#lostOrigins.check(Date.now())
    const counts = this.#placements.countByOrigin()
    const totals = this.#placements.totals(this.#connectedBoots())
    return {
      origins: [...this.#controls.values()].map((control) => control.describe(counts.get(control.hello.origin_id) ?? 0)),
      ...totals,
      store_bytes: totals.store_bytes + this.ctx.storage.sql.databaseSize,
    }
  }

  // --- calls of operators -------------------------------------------------------------------------------------------

  async sessions(limit: number): Promise<PoolSession[]> {
    const reports = new Map([...this.#controls.values()].flatMap((control) => [...control.reports]))
    return this.#placements.newest(limit).map((session) => ({ ...session, report: reports.get(session.session_id) }))
  }

  async history(): Promise<HistoryPoint[]> {
    return this.#history.points(Date.now())
  }

  async drain(originId: string, on: boolean): Promise<number | undefined> {
    const control = [...this.#controls.values()].find(({ hello }) => hello.origin_id === originId)
    if (control === undefined) return undefined
    control.send({ type: 'drain', on })
    control.drain(on)
    log.info('drain', { origin_id: originId, on })
    return this.#placements.countByOrigin().get(originId) ?? 0
  }

  // --- sockets --------------------------------------------------------------------------------------------------------

  override async fetch(_request: Request): Promise<Response> {
    const [theirs, ours] = Object.values(new WebSocketPair()) as [WebSocket, WebSocket]
    this.ctx.acceptWebSocket(ours, ['control'])
    return socketResponse(theirs)
  }

  override async webSocketMessage(ws: WebSocket, message: string | ArrayBuffer): Promise<void> {
    const parsed = typeof message === 'string' ? parseJsonAs(ControlUp, message) : undefined
    const control = this.#controls.get(ws)
    if (parsed === undefined) log.warn('control message not understood', { origin_id: control?.hello.origin_id })
    if (parsed?.type === 'origin_hello') return this.#hello(ws, parsed)
    // an origin of another version would wait for its welcome for ever
    if (control === undefined) return closeQuietly(ws, ERRORS.INVALID_REQUEST.close, `origin_hello of ${VERSION} expected`)
    if (parsed === undefined) return
    switch (parsed.type) {
      case 'heartbeat':
        return this.#beat(control, parsed)
      case 'draining':
        return control.drain(true)
      case 'session_opened':
        return this.#opening.answered(parsed)
      case 'response':
        return this.#textChats.settle(parsed.id, succeed(parsed.result))
      case 'failure':
        return this.#textChats.settle(parsed.id, fromOrigin(parsed))
      case 'chunk':
        return this.#textChats.chunk(parsed.id, parsed.data)
    }
  }

  override async webSocketClose(ws: WebSocket, code: number): Promise<void> {
    answerClose(ws, code)
    this.#lose(ws)
  }

  override async webSocketError(ws: WebSocket): Promise<void> {
    this.#lose(ws)
  }

  /** Finds origins whose heartbeats have stopped, and the sessions of origins that are not connected. */
  override async alarm(): Promise<void> {
    const now = Date.now()
    for (const [ws, control] of this.#controls) {
      if (now - control.seenAt < SILENCE_MS) continue
      closeQuietly(ws, ERRORS.ORIGIN_UNAVAILABLE.close, 'no heartbeat')
      this.#lose(ws)
      this.#lostOrigins.gaveUp(control.hello.boot_id)
    }
    await this.#lostOrigins.check(now)
    if (this.#controls.size === 0 && this.#placements.all().length === 0) return
    const oldest = Math.min(now, ...[...this.#controls.values()].map(({ seenAt }) => seenAt))
    await this.ctx.storage.setAlarm(Math.max(now + 1000, oldest + SILENCE_MS))
  }

  #beat(control: ControlSocket, { load, sessions }: Extract<ControlUp, { type: 'heartbeat' }>): void {
    const now = Date.now()
    control.beat(load, sessions, now)
    this.#history.take(now, () => momentOf([...this.#controls.values()], this.#placements.totals(this.#connectedBoots())))
  }

  #leastLoaded(): ControlSocket | undefined {
    return leastLoaded([...this.#controls.values()], this.#placements.countByOrigin())
  }

  #connectedBoots(): Set<string> {
    return new Set([...this.#controls.values()].map(({ hello }) => hello.boot_id))
  }

  async #hello(ws: WebSocket, hello: OriginHello): Promise<void> {
    if (refuseOtherProtocol(ws, hello.protocol_version)) return
    for (const [other, known] of this.#controls) {
      if (known.hello.origin_id !== hello.origin_id || other === ws) continue
      this.#controls.delete(other)
      this.#textChats.lost(known)
      closeQuietly(other, 1012, 'replaced')
    }
    const control = new ControlSocket(ws, hello, Date.now())
    this.#controls.set(ws, control)
    this.#lostOrigins.isBack(hello.boot_id)
    this.#placements.keepHello(hello)
    control.send({ type: 'welcome', protocol_version: PROTOCOL_VERSION } satisfies ControlDown)
    log.info('origin connected', { origin_id: hello.origin_id, device: hello.device, capacity: hello.load.capacity })
    await this.ctx.storage.setAlarm(Date.now() + SILENCE_MS)
    await this.#reconcile(control)
  }

  /** Compares the sessions that the origin holds with those that are placed on it. */
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
    this.#textChats.lost(control)
    this.#lostOrigins.lost(control.hello.boot_id, Date.now())
    log.warn('origin lost', { origin_id: control.hello.origin_id })
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

function distinct<T>(entries: (readonly [string, T])[]): T[] {
  return [...new Map(entries).values()]
}
