/** The Worker's exports. */
import { createApp } from './app.ts'

export { OriginPool } from './pool/origin-pool.ts'
export { SessionRelay } from './session/session-relay.ts'
export { Tenant } from './tenant/tenant.ts'

export default createApp()
