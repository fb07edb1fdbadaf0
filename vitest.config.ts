import { mkdirSync } from 'node:fs'
import { cloudflareTest } from '@cloudflare/vitest-plugin'
import { defineConfig } from 'vitest/config'

// The Worker's static files: the folder must exist, what is in it does not matter to the tests.
mkdirSync(new URL('./web/dist', import.meta.url), { recursive: true })

/** Projects that run on Node itself. */
const onNode = ['shared', 'origin', 'scripts', 'sdk', 'e2e'].map((name) => ({
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    environment: 'node' as const,
    // whole systems: one after the other, when nothing else runs; a shared machine that stalls gets more tries
    ...(name === 'e2e' ? { fileParallelism: false, sequence: { groupOrder: 1 }, retry: 2 } : {}),
    // their browsers and processes share the machine with the other files
    ...(name === 'sdk' ? { retry: 1 } : {}),
    ...(['sdk', 'e2e'].includes(name) ? { globalSetup: ['test/support/install-packages.ts'] } : {}),
  },
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
        test: { name: 'worker', include: ['test/worker/**/*.test.ts'] },
      },
    ],
  },
})
