/** Chooses the origin for a session: the least loaded of those that offer the avatar and the quality. */
import type { SessionConfig } from '../../shared/link.ts'
import { CAPACITY_RETRY_S, fail, noOrigin, type Result, succeed } from '../objects/result.ts'
import type { ControlSocket } from './control-socket.ts'

/**
 * Load is the number of sessions placed on an origin divided by its capacity. The origin itself decides whether it takes
 * one more, since silent sessions cost it next to nothing.
 *
 * @param placed number of sessions that the pool has placed, by origin; newer than the last heartbeat
 * @param declined ids of origins that were asked already
 */
export function chooseOrigin(
  origins: ControlSocket[],
  placed: Map<string, number>,
  config: SessionConfig,
  declined: Set<string>,
): Result<ControlSocket> {
  if (origins.length === 0) return noOrigin('No origin is connected; try again in a moment.')
  const offers = origins.flatMap((origin) => origin.hello.avatars.filter(({ avatar_id }) => avatar_id === config.avatar_id))
  if (offers.length === 0) {
    return fail('AVATAR_NOT_FOUND', 'There is no such avatar; see GET /v1/avatars.', { avatar_id: config.avatar_id })
  }
  const qualities = new Set(offers.flatMap((offer) => offer.qualities))
  if (!qualities.has(config.quality)) {
    return fail('INVALID_REQUEST', 'This avatar is not offered in this quality.', {
      avatar_id: config.avatar_id,
      qualities: [...qualities],
    })
  }
  const best = leastLoaded(
    origins.filter(({ hello }) => !declined.has(hello.origin_id) && offersIt(hello.avatars, config)),
    placed,
  )
  return best === undefined ? capacityFull() : succeed(best)
}

/** The least loaded of the origins that take new work; undefined without one. */
export function leastLoaded(origins: ControlSocket[], placed: Map<string, number>): ControlSocket | undefined {
  const free = origins
    .filter(({ draining }) => !draining)
    .map((origin) => ({ origin, share: (placed.get(origin.hello.origin_id) ?? 0) / Math.max(1, origin.load.capacity) }))
    .sort((one, other) => one.share - other.share || one.origin.load.cpu_usage - other.origin.load.cpu_usage)
  return free[0]?.origin
}

function capacityFull(): Result<never> {
  return fail('CAPACITY_EXCEEDED', 'Every origin that could carry this session is full; try again.', { retry_after_s: CAPACITY_RETRY_S })
}

function offersIt(avatars: { avatar_id: string; qualities: string[] }[], config: SessionConfig): boolean {
  return avatars.some(({ avatar_id, qualities }) => avatar_id === config.avatar_id && qualities.includes(config.quality))
}
