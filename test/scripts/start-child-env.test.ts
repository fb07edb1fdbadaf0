/** What the parts find in their environment. */
import { describe, expect, it } from 'vitest'
import { edgeEnv, originEnv } from '../../scripts/start/child-env.ts'

const LOOPBACK = ['localhost', '127.0.0.1', '::1', '[::1]']

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
  it('without a proxy uses none', () => {
    const { env, notes } = originEnv({ PATH: '/bin', LIPSYNC_MODEL: 'x' }, {}, '127.0.0.1')
    expect(env).toMatchObject({ PATH: '/bin', LIPSYNC_MODEL: 'x', LOG_FORMAT: 'pretty', ORT_DISABLE_TELEMETRY: '1' })
    expect(env).toMatchObject({ NODE_USE_ENV_PROXY: '', HTTP_PROXY: '', HTTPS_PROXY: '' })
    expect(notes).toEqual([])
  })

  it('goes through the proxy that is set, but not to this machine', () => {
    const { env } = originEnv({ HTTPS_PROXY: 'http://proxy:3128', no_proxy: 'intranet, 10.0.0.1' }, {}, '192.0.2.7')
    expect(env).toMatchObject({
      NODE_USE_ENV_PROXY: '1',
      HTTPS_PROXY: 'http://proxy:3128',
      https_proxy: 'http://proxy:3128',
      HTTP_PROXY: '',
    })
    for (const name of ['NO_PROXY', 'no_proxy']) expect(env[name]?.split(',')).toEqual(['intranet', '10.0.0.1', ...LOOPBACK, '192.0.2.7'])
  })

  it('takes ALL_PROXY where none is set, an address without a scheme, and one of .env', () => {
    expect(originEnv({ ALL_PROXY: 'socks5://proxy:1080', HTTP_PROXY: 'proxy:3128' }, {}, '::1').env).toMatchObject({
      HTTP_PROXY: 'http://proxy:3128',
      HTTPS_PROXY: 'socks5://proxy:1080',
      NODE_USE_ENV_PROXY: '1',
    })
    const file = { HTTPS_PROXY: 'http://of-file:1', NO_PROXY: 'of-file', LOG_FORMAT: 'json' }
    expect(originEnv({}, file, '::1').env).toMatchObject({
      HTTPS_PROXY: 'http://of-file:1',
      NO_PROXY: expect.stringMatching(/^of-file,/),
      LOG_FORMAT: 'json',
    })
    expect(originEnv({ HTTPS_PROXY: 'http://of-env:1', LOG_FORMAT: 'pretty' }, file, '::1').env).toMatchObject({
      HTTPS_PROXY: 'http://of-env:1',
      LOG_FORMAT: 'pretty',
    })
  })

  it('says which proxy is none, and starts', () => {
    const { env, notes } = originEnv({ HTTPS_PROXY: ':bad:', HTTP_PROXY: 'ftp://x' }, {}, '::1')
    expect(notes).toEqual(['HTTP_PROXY is no address of a proxy: it is left out', 'HTTPS_PROXY is no address of a proxy: it is left out'])
    expect(env).toMatchObject({ HTTPS_PROXY: '', HTTP_PROXY: '', NODE_USE_ENV_PROXY: '' })
  })

  it('uses none where Node was told so', () => {
    expect(originEnv({ HTTPS_PROXY: 'http://proxy:1', NODE_USE_ENV_PROXY: '0' }, {}, '::1').env.NODE_USE_ENV_PROXY).toBe('')
  })
})
