import { AvatarSession } from './avatar-session.ts'
import { BaseClient } from './core/base-client.ts'
import type { AvatarClientOptions } from './core/options.ts'

/**
 * @example
 * const client = new AvatarClient({ apiUrl: 'http://localhost:8000/v1', wsUrl: 'ws://localhost:8001/ws' })
 * const session = await client.createSession({ quality: 'high' })
 * await session.connect()
 */
export class AvatarClient extends BaseClient<AvatarSession> {
  constructor(options: AvatarClientOptions) {
    super(options, (setup) => new AvatarSession(setup))
  }
}
