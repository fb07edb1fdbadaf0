import { mkdirSync } from 'node:fs'
import { cloudflareTest } from '@cloudflare/vitest-plugin'
import { defineConfig } from 'vitest/config'
import { PATIENCE_MS } from './test/support/patience.ts'

// The Worker's static files: the folder must exist, what is in it does not matter to the tests.
mkdirSync(new URL('./web/dist', import.meta.url), { recursive: true })

/**
 * A red test means a bug: nothing is tried again, and no bound is near what a slow machine needs. A test waits for several things, one
 * after another; each wait that is in vain says so before the test's own time is over.
 */
const WAITING = {
  retry: 0,
  testTimeout: 5 * PATIENCE_MS,
  hookTimeout: 10 * PATIENCE_MS,
  expect: { poll: { timeout: PATIENCE_MS, interval: 10 } },
}

/** What needs no more than its own process: as many files at once as there are cores. */
const ALONE = { ...WAITING, maxWorkers: '100%', sequence: { groupOrder: 0 } }
const INSTALLED = { globalSetup: ['test/support/install-packages.ts'] }
/** Browsers, which mostly wait, and one whole system: two files at once. None but that system builds anything into the tree. */
const BROWSERS = { ...WAITING, ...INSTALLED, maxWorkers: 2, sequence: { groupOrder: 1 } }
/** Whole systems, which build what they serve: one after the other, when nothing else runs. */
const WHOLE = { ...WAITING, ...INSTALLED, fileParallelism: false, sequence: { groupOrder: 2 } }

/** Projects that run on Node itself. */
const onNode = Object.entries({ shared: ALONE, scripts: ALONE, origin: ALONE, sdk: BROWSERS, e2e: WHOLE }).map(([name, how]) => ({
  test: { name, include: [`test/${name}/**/*.test.ts`], environment: 'node' as const, ...how },
}))

export default defineConfig({
  test: {
    projects: [
      ...onNode,
      {
        plugins: [
          cloudflareTest({
            wrangler: { configPath: './wrangler.toml' },
            miniflare: {
              bindings: {
                AUTH_MODE: 'open',
                DEPLOYMENT: 'local',
                TOKEN_SECRET: 'a-secret-for-tests-that-is-long-enough',
                ORIGIN_KEY: 'origin-key-for-tests',
                LOG_LEVEL: 'silent',
                // tests of the limits set their own
                RATE_LIMIT_SESSIONS: '1000',
              },
            },
          }),
        ],
        test: { name: 'worker', include: ['test/worker/**/*.test.ts'], ...ALONE },
      },
    ],
  },
})
