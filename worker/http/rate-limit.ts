/** Counts a call against its exact per-tenant limit, and sets the RateLimit headers of the answer. */
import { AvatarError } from '../../shared/errors.ts'
import { RATE_WINDOW_MS, type RateBucket } from '../objects/contracts.ts'
import { tenantStub } from '../objects/stubs.ts'
import type { AppContext } from './context.ts'

const LIMIT_OF = {
  sessions: 'RATE_LIMIT_SESSIONS',
  speak: 'RATE_LIMIT_SPEAK',
  chat: 'RATE_LIMIT_CHAT',
  admin: 'RATE_LIMIT_ADMIN',
} as const

/** @throws AvatarError RATE_LIMITED */
export async function takeRate(context: AppContext, tenant: string, bucket: RateBucket): Promise<void> {
  const decision = await tenantStub(context.env, tenant).take(bucket, context.get('config')[LIMIT_OF[bucket]])
  context.header('ratelimit-limit', String(decision.limit))
  context.header('ratelimit-remaining', String(decision.remaining))
  context.header('ratelimit-reset', String(decision.resetS))
  if (decision.allowed) return
  throw new AvatarError(
    'RATE_LIMITED',
    `At most ${decision.limit} of these calls in ${RATE_WINDOW_MS / 1000} s; wait ${decision.resetS} s.`,
    {
      limit: decision.limit,
      window_s: RATE_WINDOW_MS / 1000,
      retry_after_s: decision.resetS,
    },
  )
}
