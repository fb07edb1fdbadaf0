/** Making the avatar say a given text. */
import { SpeakRequest, SpeakResponse } from '../../shared/api.ts'
import type { RouteTable } from '../http/declare-route.ts'

export function mountSpeech(routes: RouteTable): void {
  routes.post(
    {
      path: '/v1/avatar.speak',
      auth: 'session',
      rate: 'speak',
      tag: 'Speech',
      summary: 'Make the avatar speak specific text',
      body: SpeakRequest,
      response: SpeakResponse,
      errors: ['ORIGIN_UNAVAILABLE', 'PROVIDER_FAILED'],
    },
    async ({ context, session, body }) => context.json(await session.call({ method: 'speak', params: body })),
  )
}
