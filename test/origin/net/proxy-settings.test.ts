import { describe, expect, it } from 'vitest'
import { goesDirect, proxySettings } from '../../../origin/net/proxy-settings.ts'

const HTTP = 'http://proxy.test:3128'

function hosts(env: Record<string, string>): { http: string | undefined; https: string | undefined } {
  const { http, https } = proxySettings(env)
  return { http: http?.host, https: https?.host }
}

describe('the proxy of the environment', () => {
  it('is none where none is named', () => {
    expect(proxySettings({ PATH: '/bin', HTTPS_PROXY: ' ', NO_PROXY: '*' })).toMatchObject({
      http: undefined,
      https: undefined,
      warnings: [],
    })
  })

  it.each<[Record<string, string>, string | undefined, string | undefined]>([
    [{ HTTPS_PROXY: HTTP }, undefined, 'proxy.test:3128'],
    [{ HTTP_PROXY: HTTP }, 'proxy.test:3128', 'proxy.test:3128'],
    [{ HTTP_PROXY: 'http://a.test:1', HTTPS_PROXY: 'https://b.test:2' }, 'a.test:1', 'b.test:2'],
    [{ https_proxy: 'http://lower.test:1', HTTPS_PROXY: HTTP }, undefined, 'lower.test:1'],
    [{ ALL_PROXY: HTTP }, 'proxy.test:3128', 'proxy.test:3128'],
    [{ ALL_PROXY: 'http://all.test:1', HTTPS_PROXY: HTTP }, 'all.test:1', 'proxy.test:3128'],
    [{ HTTPS_PROXY: 'proxy.test:3128' }, undefined, 'proxy.test:3128'],
  ])('of %j', (env, http, https) => {
    expect(hosts(env)).toEqual({ http, https })
  })

  it('is no SOCKS proxy: one for all is told of, one for a scheme is refused', () => {
    const all = proxySettings({ ALL_PROXY: 'socks5h://user:secret@proxy.test:1080' })
    expect(all).toMatchObject({ http: undefined, https: undefined })
    expect(all.warnings.join()).toMatch(/ALL_PROXY.*SOCKS.*HTTPS_PROXY/)
    expect(all.warnings.join()).not.toContain('secret')
    expect(proxySettings({ ALL_PROXY: 'socks5://proxy.test:1080', HTTP_PROXY: HTTP }).warnings).toEqual([])
    expect(() => proxySettings({ HTTPS_PROXY: 'socks5://user:secret@proxy.test' })).toThrow(/^HTTPS_PROXY names a SOCKS proxy(?!.*secret)/)
  })

  it.each(['ftp://user:secret@proxy.test', 'http://', 'http://user:secret@:80'])('must be an address: %s', (value) => {
    expect(() => proxySettings({ HTTP_PROXY: value })).toThrow(/^HTTP_PROXY must be(?!.*secret)/)
  })
})

describe('NO_PROXY', () => {
  const direct = (list: string, url: string): boolean => goesDirect(proxySettings({ HTTP_PROXY: HTTP, NO_PROXY: list }), new URL(url))

  it.each([
    ['llm.test', 'https://llm.test/v1'],
    ['llm.test', 'https://a.llm.test/v1'],
    ['.llm.test', 'https://a.llm.test/v1'],
    ['*.llm.test', 'https://a.llm.test/v1'],
    ['other.test, LLM.test', 'wss://llm.test'],
    ['other.test llm.test', 'wss://llm.test'],
    ['llm.test:443', 'wss://llm.test'],
    ['llm.test:80', 'ws://llm.test'],
    ['10.0.0.7', 'http://10.0.0.7:8080'],
    ['[fd00::7]', 'http://[fd00::7]:8080'],
    ['*', 'https://anything.test'],
    ['', 'http://localhost:8080'],
    ['', 'http://127.0.0.1:8080'],
    ['', 'ws://[::1]:8000'],
  ])('%s: %s is asked for directly', (list, url) => {
    expect(direct(list, url)).toBe(true)
  })

  it.each([
    ['', 'https://llm.test'],
    ['llm.test', 'https://my-llm.test'],
    ['llm.test:8443', 'https://llm.test'],
    ['a.llm.test', 'https://llm.test'],
  ])('%s: %s is not', (list, url) => {
    expect(direct(list, url)).toBe(false)
  })

  it('says that it knows no ranges', () => {
    expect(proxySettings({ HTTP_PROXY: HTTP, NO_PROXY: '10.0.0.0/8' }).warnings.join()).toMatch(/^NO_PROXY: ranges/)
    expect(proxySettings({ NO_PROXY: '10.0.0.0/8' }).warnings).toEqual([])
  })
})
