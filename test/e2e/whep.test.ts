/** Viewers, figures and text alone against the whole system, as `npm start` runs it: what needs a real origin behind the edge. */
import OpenAI from 'openai'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { AdminOverview } from '../../shared/admin.ts'
import { openBrowser, type TestBrowser } from '../support/browser/browser.ts'
import { ApiClient } from '../support/clients/api-client.ts'
import { SocketClient } from '../support/clients/socket-client.ts'
import { PATIENCE_MS } from '../support/patience.ts'
import { type RunningSystem, startSystem } from '../support/servers/running-system.ts'
import { until } from '../support/until.ts'
import { parseExposition } from '../worker/support/prometheus.ts'

let system: RunningSystem
let api: ApiClient
let browser: TestBrowser

beforeAll(async () => {
  system = await startSystem()
  api = new ApiClient(system)
  browser = await openBrowser()
})
afterAll(async () => {
  await browser?.close()
  await system?.stop()
})

interface Watching {
  status: number
  location: string
  link: string
  frames: number
  /** Grey levels by which the shown frame differed over the time. */
  motion: number
  sounds: number
}

/** A plain WHEP client, as any page could hold it: plays until so many frames were shown. */
async function watch(page: Page, endpoint: string, token: string, frames: number): Promise<Watching> {
  return await page.evaluate(
    async ([url, bearer, wanted, patienceMs]) => {
      const pc = new RTCPeerConnection()
      const stream = new MediaStream()
      pc.addEventListener('track', ({ track }) => stream.addTrack(track))
      pc.addTransceiver('video', { direction: 'recvonly' })
      pc.addTransceiver('audio', { direction: 'recvonly' })
      await pc.setLocalDescription(await pc.createOffer())
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/sdp', authorization: `Bearer ${bearer}` },
        body: pc.localDescription?.sdp ?? '',
      })
      const sdp = await response.text()
      if (!response.ok) throw new Error(`${response.status} ${sdp}`)
      await pc.setRemoteDescription({ type: 'answer', sdp })
      const video = document.querySelector('video')
      if (!video) throw new Error('the page has no video element')
      video.srcObject = stream
      const canvas = new OffscreenCanvas(64, 64)
      const context = canvas.getContext('2d', { willReadFrequently: true })
      let first: Uint8ClampedArray | undefined
      let motion = 0
      let shown = 0
      await new Promise<void>((resolve, reject) => {
        setTimeout(() => reject(new Error(`${shown} frames came; ${pc.connectionState}`)), patienceMs)
        const seen = (): void => {
          shown += 1
          context?.drawImage(video, 0, 0, 64, 64)
          const pixels = context?.getImageData(0, 0, 64, 64).data
          first ??= pixels
          if (pixels && first) {
            const before = first
            motion = Math.max(motion, pixels.reduce((sum, value, i) => sum + Math.abs(value - (before[i] ?? 0)), 0) / pixels.length)
          }
          if (shown >= wanted) resolve()
          else video.requestVideoFrameCallback(seen)
        }
        video.requestVideoFrameCallback(seen)
      })
      let sounds = 0
      const report = await pc.getStats()
      // biome-ignore lint/suspicious/noExplicitAny: the DOM's types leave the entries' fields out
      report.forEach((entry: any) => {
        if (entry.type === 'inbound-rtp' && entry.kind === 'audio') sounds = entry.packetsReceived
      })
      Object.assign(globalThis, { whep: pc })
      const { headers, status } = response
      return { status, location: headers.get('location') ?? '', link: headers.get('link') ?? '', frames: shown, motion, sounds }
    },
    [endpoint, token, frames, PATIENCE_MS] as const,
  )
}

describe('WHEP', () => {
  it('shows a session to a plain client beside its own, and lets go of it', async () => {
    const { session_id, access_token } = await api.expectOk<{ session_id: string; access_token: string }>('/v1/streaming.new', {})
    const own = await SocketClient.open(`${system.wsUrl}/${session_id}?events=stats`)
    await api.expectOk('/v1/avatar.speak', {
      session_id,
      text: 'This is for everybody who watches, however many they may be, and for as long as they like.',
    })
    const watching = await watch(browser.page, `${system.apiUrl}/v1/whep/${session_id}`, access_token, 50)
    expect(watching).toMatchObject({ status: 201, frames: 50 })
    expect(watching.location).toMatch(new RegExp(`^/v1/whep/${session_id}/[\\w-]+$`))
    expect(watching.link).toMatch(/^<stun:/)
    expect(watching.motion).toBeGreaterThan(0.5)
    expect(watching.sounds).toBeGreaterThan(10)
    await own.next('frame', { from: own.events.length })
    expect(own.of('transport')).toEqual([])
    const resource = `${system.apiUrl}${watching.location}`
    const authorization = `Bearer ${access_token}`
    expect((await fetch(resource, { method: 'DELETE', headers: { authorization } })).status).toBe(200)
    expect((await fetch(resource, { method: 'DELETE', headers: { authorization } })).status).toBe(404)
    const stats = await own.next('stats', { where: ({ stats }) => Number((stats as { fps?: number }).fps) > 0 })
    expect(stats.stats).toMatchObject({ transport: 'socket', video_codec: null })
    // the origin tells the edge of its sessions now and then
    const mine = await until('the figures of the session', async () => {
      const overview = AdminOverview.parse(await (await fetch(`${system.apiUrl}/v1/admin/overview`)).json())
      return overview.sessions.find((session) => session.session_id === session_id && session.stats !== null && session.last_turn !== null)
    })
    expect(mine).toMatchObject({ tenant: 'local', sockets: 1, stats: { transport: 'socket' } })
    expect(mine.last_turn?.first_sound).toBeGreaterThan(0)
    const scraped = parseExposition(await (await fetch(`${system.apiUrl}/metrics`, { headers: { accept: 'text/plain' } })).text())
    const firstSounds = scraped.get('avatar_turn_step_ms')?.samples.get('avatar_turn_step_ms_count{step="first_sound"}')
    expect(firstSounds).toBeGreaterThan(0)
    own.close()
    await api.expectOk('/v1/streaming.stop', { session_id })
  })
})

describe("OpenAI's own client", () => {
  it('chats with the origin’s model, whole and streamed', async () => {
    const client = new OpenAI({ baseURL: `${system.apiUrl}/v1`, apiKey: 'none-is-needed-here', maxRetries: 0 })
    const messages = [{ role: 'user' as const, content: 'Hello, who are you?' }]
    const whole = await client.chat.completions.create({ model: 'demo', messages })
    expect(whole.choices[0]?.message.content?.length).toBeGreaterThan(5)
    const final = await client.chat.completions.stream({ model: 'demo', messages }).finalChatCompletion()
    expect(final.choices[0]).toMatchObject({ finish_reason: 'stop', message: { role: 'assistant' } })
    expect(final.choices[0]?.message.content?.length).toBeGreaterThan(5)
    await expect(client.chat.completions.create({ model: 'demo', messages: [] })).rejects.toMatchObject({
      status: 400,
      code: 'INVALID_REQUEST',
    })
  })
})
