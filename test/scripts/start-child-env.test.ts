/** What the parts find in their environment. */
import { describe, expect, it } from 'vitest'
import { proxySettings } from '../../origin/net/proxy-settings.ts'
import { edgeEnv, originEnv } from '../../scripts/start/child-env.ts'

describe('the edge', () => {
  it('knows no proxy and calls nobody, whatever is set', () => {
    const env = edgeEnv({
      PATH: '/bin',
      HTTP_PROXY: 'http://proxy:1',
      https_proxy: 'http://proxy:1',
      ALL_PROXY: 'socks5://proxy:1',
      NO_PROXY: 'example.com',
      NODE_USE_ENV_PROXY: '1',
      WRANGLER_SEND_METRICS: 'true',
      WRANGLER_LOG: 'debug',
      CLOUDFLARE_ENV: 'production',
    })
    expect(
      Object.keys(env).filter((name) => /^(http|https|all)_proxy$|NODE_USE_ENV_PROXY|CLOUDFLARE_ENV|WRANGLER_LOG/i.test(name)),
    ).toEqual([])
    expect(env).toMatchObject({
      PATH: '/bin',
      NO_PROXY: '*',
      no_proxy: '*',
      WRANGLER_SEND_METRICS: 'false',
      WRANGLER_SEND_ERROR_REPORTS: 'false',
      WRANGLER_HIDE_BANNER: 'true',
      CLOUDFLARE_CF_FETCH_ENABLED: 'false',
    })
  })
})

describe('the origin', () => {
  /** What the origin makes of its environment; `.env` is read beside it, and loses. */
  function settingsOf(env: NodeJS.ProcessEnv, file: Record<string, string> = {}) {
    const child = originEnv(env, file)
    const { http, https, direct, warnings } = proxySettings({ ...file, ...child.env })
    return { http: http?.href, https: https?.href, direct, warnings, ...child }
  }

  it('without a proxy uses none', () => {
    const { env, notes, http, https } = settingsOf({ PATH: '/bin', LIPSYNC_MODEL: 'x' })
    expect(env).toMatchObject({
      PATH: '/bin',
      LIPSYNC_MODEL: 'x',
      LOG_FORMAT: 'pretty',
      ORT_DISABLE_TELEMETRY: '1',
      NODE_USE_ENV_PROXY: '',
    })
    expect([http, https]).toEqual([undefined, undefined])
    expect(notes).toEqual([])
  })

  it('holds little memory, unless it is told otherwise', () => {
    expect(settingsOf({}).env).toMatchObject({ MALLOC_ARENA_MAX: '2', NODE_COMPILE_CACHE: expect.stringMatching(/^\/.*node_modules/) })
    const own = { MALLOC_ARENA_MAX: '8', NODE_COMPILE_CACHE: '/var/cache/node' }
    expect(settingsOf(own).env).toMatchObject(own)
  })

  it('goes through the proxy that is set, but not to this machine', () => {
    const { env, https, direct } = settingsOf({ HTTPS_PROXY: 'http://proxy:3128', no_proxy: 'intranet, 10.0.0.1', NODE_USE_ENV_PROXY: '1' })
    expect(https).toBe('http://proxy:3128/')
    expect(direct).toEqual(expect.arrayContaining(['intranet', '10.0.0.1', 'localhost', '127.0.0.1', '::1', '[::1]']))
    // the origin leaves this machine out, Node by itself does not
    expect(env.NODE_USE_ENV_PROXY).toBe('')
  })

  it('takes an address without a scheme, and one of .env, which the environment wins over', () => {
    expect(settingsOf({ HTTP_PROXY: 'proxy:3128' })).toMatchObject({ http: 'http://proxy:3128/' })
    const file = { HTTPS_PROXY: 'http://of-file:1', NO_PROXY: 'of-file', LOG_FORMAT: 'json' }
    expect(settingsOf({}, file)).toMatchObject({ https: 'http://of-file:1/', direct: expect.arrayContaining(['of-file']) })
    expect(settingsOf({}, file).env.LOG_FORMAT).toBe('json')
    const both = settingsOf({ HTTPS_PROXY: 'http://of-env:1', LOG_FORMAT: 'pretty' }, file)
    expect(both).toMatchObject({ https: 'http://of-env:1/', env: { LOG_FORMAT: 'pretty' } })
  })

  // Broke: it was handed on as HTTPS_PROXY, with which the origin does not start
  it('starts, and says that it connects directly, where ALL_PROXY names a SOCKS proxy', () => {
    const { notes, http, https, warnings } = settingsOf({ ALL_PROXY: 'socks5://proxy:1080' })
    expect([http, https]).toEqual([undefined, undefined])
    expect(notes).toEqual([])
    expect(warnings).toEqual([expect.stringContaining('ALL_PROXY names a SOCKS proxy')])
    expect(settingsOf({ all_proxy: 'http://proxy:3128' })).toMatchObject({ http: 'http://proxy:3128/', https: 'http://proxy:3128/' })
  })

  it('says which proxy is none, or one that it cannot use, and starts', () => {
    const { notes, http, https } = settingsOf({ HTTPS_PROXY: ':bad:', HTTP_PROXY: 'ftp://x' }, { https_proxy: 'socks5://proxy:1080' })
    expect([http, https]).toEqual([undefined, undefined])
    expect(notes).toEqual([
      'HTTP_PROXY must be the http:// or https:// address of a proxy: it is left out',
      'HTTPS_PROXY must be the http:// or https:// address of a proxy: it is left out',
      'HTTPS_PROXY names a SOCKS proxy, which the origin does not support; it must be an http:// or https:// address: it is left out',
    ])
  })

  it('uses none where Node was told so', () => {
    const { http, https } = settingsOf({ HTTPS_PROXY: 'http://proxy:1', NODE_USE_ENV_PROXY: '0' }, { http_proxy: 'http://proxy:1' })
    expect([http, https]).toEqual([undefined, undefined])
  })
})
