/** Any order of everything that can happen to a session's speech, and what has to hold in each of them. */
import process from 'node:process'
import * as fc from 'fast-check'
import { it } from 'vitest'
import { someCommands } from '../../support/session-property/commands.ts'
import { someFates } from '../../support/session-property/fates.ts'
import { checkEvents } from '../../support/session-property/invariants.ts'
import { ENDINGS, World } from '../../support/session-property/world.ts'

/**
 * The same orders every time, unless told otherwise: `PROPERTY_SEED=random` tries others, `PROPERTY_RUNS` more of them. A failure is
 * shrunk to the fewest commands, and names its seed, path and replayPath; set as `PROPERTY_SEED`, `PROPERTY_PATH` and
 * `PROPERTY_REPLAY`, they repeat that one order.
 */
const { PROPERTY_SEED = '1', PROPERTY_RUNS = '300', PROPERTY_PATH, PROPERTY_REPLAY } = process.env
const SEED = PROPERTY_SEED === 'random' ? Math.floor(Math.random() * 2 ** 31) : Number(PROPERTY_SEED)
const RUNS = Number(PROPERTY_RUNS)

it(`holds in ${RUNS} orders of events, of seed ${SEED}`, async () => {
  const property = fc.asyncProperty(
    someFates,
    someCommands(PROPERTY_REPLAY),
    fc.constantFrom(...ENDINGS),
    async (fates, commands, ending) => {
      const world = new World(fates)
      await fc.asyncModelRun(() => ({ model: { callers: 0 }, real: world }), commands)
      await world.end(ending)
      checkEvents(world.sink, world.tasks)
    },
  )
  await fc.assert(property, { seed: SEED, numRuns: RUNS, ...(PROPERTY_PATH === undefined ? {} : { path: PROPERTY_PATH }) })
})
