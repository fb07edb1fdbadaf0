/** What makes the avatar say a given text. */
import { SpeakRequest, SpeakResponse } from '../../shared/api.ts'
import { callerOf, tenantForSession } from '../http/auth.ts'
import type { App } from '../http/context.ts'
import { post } from '../http/declare-route.ts'
import { takeRate } from '../http/rate-limit.ts'
import { unwrap } from '../objects/result.ts'
import { sessionStub } from '../objects/stubs.ts'

const TAG = 'Speech'

export function mountSpeech(app: App): void {
  post(
    app,
    {
      path: '/v1/avatar.speak',
      tag: TAG,
      summary: 'Make the avatar speak specific text',
      response: SpeakResponse,
      errors: ['SESSION_NOT_FOUND', 'RATE_LIMITED', 'ORIGIN_UNAVAILABLE', 'PROVIDER_FAILED'],
    },
    SpeakRequest,
    async (context, body) => {
      const tenant = tenantForSession(await callerOf(context), body.session_id)
      await takeRate(context, tenant, 'speak')
      const call = { method: 'speak' as const, params: body }
      return context.json(unwrap(await sessionStub(context.env, body.session_id).call(tenant, context.get('requestId'), call)))
    },
  )
}
