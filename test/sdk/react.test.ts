/** The hook and the component in a real browser, in StrictMode, against a server of the documented API. */
import { build } from 'esbuild'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { launchChromium, newPage } from '../support/browser/browser.ts'
import { FakeAvatarApi, failure } from '../support/fakes/fake-avatar-api.ts'
import { until } from '../support/until.ts'

/** A customer's component: what the hook says is written into the page. */
const APP = `
import { createElement as h, StrictMode, useState } from 'react'
import { createRoot } from 'react-dom/client'
import { Avatar, useAvatar } from './sdk/typescript/src/react/index.ts'

function Talk() {
  const avatar = useAvatar({ apiUrl: location.origin + '/v1', wsUrl: 'ws://' + location.host + '/ws', session: { quality: 'low' } })
  globalThis.avatar = avatar
  return h('main', null,
    h(Avatar, { avatar, id: 'stage' }),
    h('p', { id: 'status' }, avatar.status),
    h('p', { id: 'transport' }, avatar.transport),
    h('p', { id: 'error' }, avatar.error?.code),
    h('ol', null, avatar.messages.map(({ role, content }, i) => h('li', { key: i }, role + ': ' + content))))
}
globalThis.root = createRoot(document.querySelector('#root'))
globalThis.root.render(h(StrictMode, null, h(Talk)))
`
declare global {
  var avatar: import('../../sdk/typescript/src/react/index.ts').AvatarHandle
  var root: { unmount(): void }
}

let browser: Browser
let script: string
let api: FakeAvatarApi
let page: Page
let errors: string[]

const callsOf = (path: string): number => api.calls.filter((call) => call.path === path).length
const shows = (selector: string, text: string): Promise<unknown> => page.locator(selector, { hasText: text }).waitFor()

describe('useAvatar', () => {
  beforeAll(async () => {
    const { outputFiles } = await build({
      stdin: { contents: APP, resolveDir: '.', loader: 'ts' },
      bundle: true,
      write: false,
      format: 'iife',
      define: { 'process.env.NODE_ENV': '"development"' },
    })
    script = outputFiles[0]?.text ?? ''
    browser = await launchChromium()
  })
  afterAll(async () => browser?.close())

  beforeEach(async () => {
    api = await FakeAvatarApi.start()
    page = await newPage(browser)
    errors = []
    page.on('pageerror', (error) => errors.push(error.message))
    await page.goto(`http://127.0.0.1:${api.port}/`)
    await page.setContent('<div id="root"></div>')
  })
  afterEach(async () => {
    await page?.context().close()
    await api?.stop()
  })

  it('opens one session, shows it, and ends it when the component goes', async () => {
    await page.addScriptTag({ content: script })
    await shows('#status', 'idle')
    await shows('#transport', 'socket')
    expect(await page.locator('#stage canvas').count()).toBe(1)
    await page.evaluate(() => globalThis.root.unmount())
    await until('the end of the session', () => callsOf('/streaming.stop') === 1)
    expect(callsOf('/streaming.new')).toBe(1)
    expect(api.calls.find(({ path }) => path === '/streaming.new')?.body).toEqual({ quality: 'low' })
    expect(api.upgrades).toHaveLength(1)
    expect(errors).toEqual([])
  })

  it('tells what she does and what was said', async () => {
    await page.addScriptTag({ content: script })
    await shows('#status', 'idle')
    api.send({ type: 'chat', role: 'user', content: 'Hel', partial: true })
    api.send({ type: 'chat', role: 'user', content: 'Hello' })
    api.send({ type: 'chat', role: 'user', content: 'Uh', partial: true })
    api.send({ type: 'user_speech_dropped', reason: 'no_words', content: '' })
    api.send({ type: 'status', status: 'speaking', message: '' })
    api.send({ type: 'chat', role: 'agent', content: 'Hi.', task_id: 'task_000001' })
    api.send({ type: 'chat', role: 'agent', content: 'How are you?', task_id: 'task_000001' })
    await shows('li', 'How are you?')
    expect(await page.locator('li').allInnerTexts()).toEqual(['user: Hello', 'agent: Hi. How are you?'])
    await shows('#status', 'speaking')
    expect(await page.evaluate(() => globalThis.avatar.chat('Hi'))).toBe('Hello there!')
  })

  it('says why there is none, and opens another when asked', async () => {
    api.scripted.set('/streaming.new', [{ status: 404, body: failure('AVATAR_NOT_FOUND', 'nobody of that name') }])
    await page.addScriptTag({ content: script })
    await shows('#error', 'AVATAR_NOT_FOUND')
    await shows('#status', 'ended')
    await page.evaluate(() => globalThis.avatar.restart())
    await shows('#status', 'idle')
    api.send({ type: 'session_ended', reason: 'idle_timeout', duration: 120 })
    await shows('#status', 'ended')
    await shows('#error', 'SESSION_ENDED')
    await page.evaluate(() => globalThis.avatar.restart())
    await shows('#status', 'idle')
    expect(callsOf('/streaming.new')).toBe(3)
    expect(await page.locator('#error').innerText()).toBe('')
  })
})
