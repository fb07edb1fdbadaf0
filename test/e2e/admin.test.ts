/** The operators' page over a session that is talked to by voice: both pages, one system. */
import { createHash } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { encodeWav } from '../../origin/codec/wav.ts'
import { createFliteVoice } from '../../origin/providers/tts/flite/index.ts'
import { accessibilityFaults, closeAll, launchChromium, visit } from '../support/browser/browser.ts'
import { PATIENCE_MS } from '../support/patience.ts'
import { type RunningSystem, startSystem } from '../support/servers/running-system.ts'
import { startVendorServer, type VendorServer } from '../support/servers/vendor-server.ts'

const KEY = 'sk-admin-of-the-page-test'
const SAMPLE_RATE = 24_000

let system: RunningSystem
let browser: Browser
let vendor: VendorServer
let folder: string

describe("the operators' page", () => {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'avatar-admin-'))
    const microphone = join(folder, 'speech.wav')
    await writeFile(microphone, encodeWav(await speech('Tell me please, who are you?'), SAMPLE_RATE))
    vendor = await startVendorServer()
    vendor.answer((exchange) => exchange.json(200, { text: 'Who are you?' }))
    system = await startSystem({
      RATE_LIMIT_SESSIONS: '1000',
      RATE_LIMIT_ADMIN: '1000',
      ADMIN_KEYS: `ops:${createHash('sha256').update(KEY).digest('hex')}`,
      STT_PROVIDER: 'openai',
      STT_API_KEY: 'sk-test',
      STT_BASE_URL: `${vendor.url}/v1`,
    })
    browser = await launchChromium({ microphone })
  })
  afterAll(async () => {
    await browser?.close()
    await system?.stop()
    await vendor?.close()
    await rm(folder, { recursive: true, force: true })
  })
  // a page that is left open goes on, and takes the machine from the next
  afterEach(() => closeAll(browser))

  async function openAdmin(options: Parameters<typeof visit>[2] = {}): Promise<Page> {
    const { page } = await visit(browser, `${system.apiUrl}/admin`, options)
    await page.locator('#key').fill(KEY)
    await page.locator('#key').press('Enter')
    await page.locator('body[data-view="board"]').waitFor()
    return page
  }

  it('asks for the key, says when it is wrong, and keeps it in this tab only', async () => {
    const { page } = await visit(browser, `${system.apiUrl}/admin`)
    await page.locator('#gate').waitFor()
    expect(await accessibilityFaults(page)).toEqual([])
    await page.locator('#key').fill('sk-wrong')
    await page.locator('#key').press('Enter')
    await page.locator('#gate-trouble').filter({ hasText: 'not valid' }).waitFor()
    await page.locator('#key').fill(` ${KEY} `)
    await page.locator('#key').press('Enter')
    await page.locator('#origins .origin').waitFor()
    await page.reload()
    await page.locator('#origins .origin').waitFor()
    expect(await page.evaluate((key) => JSON.stringify({ ...localStorage }).includes(key) || document.cookie.includes(key), KEY)).toBe(
      false,
    )
    await page.locator('#leave').click()
    await page.locator('#gate').waitFor()
    expect(await page.evaluate(() => sessionStorage.length)).toBe(0)
  })

  it('a turn by voice is heard, understood and answered; the operator sees it, and ends the session', async () => {
    const { page } = await visit(browser, system.apiUrl, { viewport: { width: 1280, height: 800 } })
    await page.locator('body[data-phase="live"][data-seen]').waitFor()
    await page.locator('#microphone').click()
    await page.locator('#microphone[data-ear="open"][aria-pressed="true"]').waitFor()
    await expect
      .poll(() => page.evaluate(() => Number(document.querySelector<HTMLElement>('#microphone')?.style.getPropertyValue('--level'))))
      .toBeGreaterThan(0.2)
    await page.locator('#transcript .user:not(.other)').filter({ hasText: 'Who are you?' }).waitFor()
    await page.locator('#transcript .agent').filter({ hasText: 'Anna' }).waitFor()
    await page.locator('#microphone').click()
    await page.locator('#microphone[data-ear="closed"]').waitFor()
    // held down, the space bar of the empty field is push to talk
    await page.locator('#field').focus()
    await page.keyboard.down('Space')
    await page.locator('#microphone[data-ear="held"]').waitFor()
    await page.keyboard.up('Space')
    await page.locator('#microphone[data-ear="closed"]').waitFor()
    expect(await page.locator('#field').inputValue()).toBe('')

    const admin = await openAdmin({ viewport: { width: 1280, height: 900 } })
    const row = admin.locator('#session-rows tr').first()
    await row.locator('.turn summary').click()
    await row.locator('.steps').filter({ hasText: 'words understood' }).waitFor()
    expect(await accessibilityFaults(admin)).toEqual([])
    await row.getByRole('button', { name: /^End session/ }).click()
    await admin.locator('#confirm-yes').click()
    await page.locator('#veil').filter({ hasText: 'The operator ended this session.' }).waitFor()
    await admin.locator('#no-sessions').waitFor()
    // whoever types into a session that is over gets another
    await page.locator('#field').fill('hello')
    await page.locator('#field').press('Enter')
    await page.locator('body[data-status="speaking"]').waitFor()
  })

  it('on a phone and in the dark: drains a render host after asking, and takes it back', async () => {
    const page = await openAdmin({ viewport: { width: 390, height: 844 }, colorScheme: 'dark' })
    const origin = page.locator('#origins .origin')
    await page.locator('.plot .line').first().waitFor({ state: 'attached' })
    await origin.getByRole('button').click()
    await page.locator('#confirm').getByRole('button', { name: 'Cancel' }).click()
    await origin.getByRole('button').click()
    expect(await accessibilityFaults(page)).toEqual([])
    await page.locator('#confirm-yes').click()
    await origin.locator('.badge').filter({ hasText: 'draining' }).waitFor()
    await origin.getByRole('button').click()
    await origin.locator('.badge').filter({ hasText: 'takes sessions' }).waitFor()
    expect(await accessibilityFaults(page)).toEqual([])
    expect(await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)).toBeLessThanOrEqual(0)
  })

  it('says that the edge does not answer, keeps what it knew, and goes on when it answers again', async () => {
    const page = await openAdmin()
    await page.locator('#origins .origin').waitFor()
    await page.route('**/v1/admin/**', (route) => route.abort())
    await page.locator('#trouble').filter({ hasText: 'does not answer' }).waitFor()
    expect(await page.locator('#origins .origin').count()).toBe(1)
    await page.unroute('**/v1/admin/**')
    await page.locator('#trouble').waitFor({ state: 'hidden' })
    // nobody there at all
    await page.route('**/v1/admin/overview', async (route) => {
      const response = await route.fetch()
      const overview = (await response.json()) as object
      await route.fulfill({ response, json: { ...overview, origins: [], sessions: [] } })
    })
    await page.locator('#no-origins').waitFor()
    await page.locator('#no-sessions').waitFor()
  })
})

/** The text by the embedded voice, with silence around it: mono, SAMPLE_RATE Hz. */
async function speech(text: string): Promise<Int16Array> {
  const voice = await createFliteVoice()
  try {
    const pieces: Int16Array[] = [new Int16Array(SAMPLE_RATE)]
    for await (const { pcm } of voice.speak({ text, voiceId: 'flite_rms', settings: {} }, AbortSignal.timeout(PATIENCE_MS)))
      pieces.push(pcm)
    pieces.push(new Int16Array(SAMPLE_RATE * 6))
    const samples = new Int16Array(pieces.reduce((sum, { length }) => sum + length, 0))
    let at = 0
    for (const piece of pieces) {
      samples.set(piece, at)
      at += piece.length
    }
    return samples
  } finally {
    await voice.close()
  }
}
