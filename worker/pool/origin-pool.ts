/** The Durable Object that knows every origin: heartbeats, placement, loss and return. `/health` and `/metrics` read it. */
import { DurableObject } from 'cloudflare:workers'
import type { HistoryPoint } from '../../shared/admin.ts'
import type { AvatarInfo, VoiceInfo } from '../../shared/api.ts'
import type { ChatRequest } from '../../shared/chat.ts'
import { ERRORS } from '../../shared/errors.ts'
import { type ControlDown, ControlUp, type OriginHello, type SessionConfig } from '../../shared/link.ts'
import { PROTOCOL_VERSION, VERSION } from '../../shared/version.ts'
import type { Env } from '../env.ts'
import { log } from '../log.ts'
import type { CallResult } from '../objects/pending-calls.ts'
import { fromOrigin, noOrigin, type Result, succeed } from '../objects/result.ts'
import { socketResponse } from '../objects/sockets.ts'
import { sessionStub } from '../objects/stubs.ts'
import { closeQuietly } from '../session/client-socket.ts'
import { type OriginNews, type Placement, samePlacement } from '../session/session-state.ts'
import { chooseOrigin, leastLoaded } from './choose-origin.ts'
import { ControlSocket, restoreControls } from './control-socket.ts'
import { History, momentOf } from './history.ts'
import { LostOrigins, SILENCE_MS } from './lost-origins.ts'
import { Opening } from './opening.ts'
import { Placements, type SessionFigures } from './placements.ts'
import { type PoolSession, type PoolSnapshot, poolOrigin } from './snapshot.ts'
import { TextChats } from './text-chats.ts'

export interface Placed {
  placement: Placement
  /** As the origin has it: a voice that it does not know is null. */
  config: SessionConfig
  warnings: string[]
}

export class OriginPool extends DurableObject<Env> {
  readonly #placements: Placements
  readonly #controls: Map<WebSocket, ControlSocket>
  readonly #lost: LostOrigins
  readonly #opening = new Opening()
  readonly #chats = new TextChats()
  readonly #history: History

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env)
    this.#placements = new Placements(ctx.storage)
    this.#controls = restoreControls(ctx)
    this.#history = new History(ctx.storage)
    this.#lost = new LostOrigins({
      placements: this.#placements,
      connected: () => this.#connectedBoots(),
      tellNews: (sessionId, placement, news) => this.#tellNews(sessionId, placement, news),
    })
  }

  // --- calls ----------------------------------------------------------------------------------------------------------

  /** Opens the session at the least loaded origin that fits. Tries the next one when an origin declines or stays silent. */
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

  /** A chat of no session. @param id one that nobody else has */
  textChat(id: string, params: ChatRequest): Promise<Result<CallResult>> {
    return this.#chats.ask(id, this.#leastLoaded(), params)
  }

  /** The same as server-sent events, ending in `data: [DONE]`. */
  textChatStream(id: string, params: ChatRequest): Promise<Result<ReadableStream<Uint8Array>>> {
    return this.#chats.askStream(id, this.#leastLoaded(), params)
  }

  /** The HTTP client of this chat has gone. */
  cancelTextChat(id: string): void {
    this.#chats.cancel(id)
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

  reportSession(sessionId: string, figures: SessionFigures): void {
    this.#placements.report(sessionId, figures)
  }

  avatars(): AvatarInfo[] {
    return distinct([...this.#controls.values()].flatMap(({ hello }) => hello.avatars).map((avatar) => [avatar.avatar_id, avatar]))
  }

  voices(): VoiceInfo[] {
    return distinct([...this.#controls.values()].flatMap(({ hello }) => hello.voices).map((voice) => [voice.voice_id, voice]))
  }

  async snapshot(): Promise<PoolSnapshot> {
    if (!this.#lost.checked) await this.#lost.check(Date.now())
    const counts = this.#placements.countByOrigin()
    const totals = this.#placements.totals(this.#connectedBoots())
    return {
      origins: [...this.#controls.values()].map((control) => poolOrigin(control, counts.get(control.hello.origin_id) ?? 0)),
      ...totals,
      store_bytes: totals.store_bytes + this.ctx.storage.sql.databaseSize,
    }
  }

  // --- calls of operators -------------------------------------------------------------------------------------------

  /** The newest sessions of all tenants. */
  sessions(limit: number): PoolSession[] {
    const reports = new Map([...this.#controls.values()].flatMap((control) => [...control.reports]))
    return this.#placements.newest(limit).map((session) => ({ ...session, report: reports.get(session.session_id) }))
  }

  history(): HistoryPoint[] {
    return this.#history.points(Date.now())
  }

  /** Undefined when no such origin is connected; else the sessions that it still carries. */
  drain(originId: string, on: boolean): number | undefined {
    const control = [...this.#controls.values()].find(({ hello }) => hello.origin_id === originId)
    if (control === undefined) return undefined
    control.send({ type: 'drain', on })
    control.drain(on)
    log.info('drain', { origin_id: originId, on })
    return this.#placements.countByOrigin().get(originId) ?? 0
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
    if (parsed === undefined) log.warn('control message not understood', { origin_id: control?.hello.origin_id })
    if (parsed?.type === 'origin_hello') return this.#hello(ws, parsed)
    // an origin of another version: it would wait for its welcome without end
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
        return this.#chats.settle(parsed.id, succeed(parsed.result))
      case 'failure':
        return this.#chats.settle(parsed.id, fromOrigin(parsed))
      case 'chunk':
        return this.#chats.chunk(parsed.id, parsed.data)
    }
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
      this.#lost.gaveUp(control.hello.boot_id)
    }
    await this.#lost.check(now)
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
    if (hello.protocol_version !== PROTOCOL_VERSION) {
      return closeQuietly(ws, ERRORS.INVALID_REQUEST.close, `this edge speaks protocol ${PROTOCOL_VERSION}`)
    }
    for (const [other, known] of this.#controls) {
      if (known.hello.origin_id !== hello.origin_id || other === ws) continue
      this.#controls.delete(other)
      this.#chats.lost(known)
      closeQuietly(other, 1012, 'replaced')
    }
    const control = new ControlSocket(ws, hello, Date.now())
    this.#controls.set(ws, control)
    this.#lost.isBack(hello.boot_id)
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
    this.#chats.lost(control)
    this.#lost.lost(control.hello.boot_id, Date.now())
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
