/** Session tokens: HS256 JWTs (RFC 7519) that allow the use of one session, valid until the session must have ended. */
import { jwtVerify, SignJWT } from 'jose'
import * as z from 'zod'
import { SessionId } from '../../shared/ids.ts'

const AUDIENCE = 'avatar-session'
/** Seconds that a token outlives the longest session. */
const GRACE_S = 60

export interface SessionToken {
  tenant: string
  sessionId: string
}

const Payload = z.object({ sub: SessionId, tenant: z.string().min(1) })

function keyOf(secret: string): Uint8Array {
  return new TextEncoder().encode(secret)
}

export function mintToken({ tenant, sessionId }: SessionToken, secret: string, maxDurationS: number): Promise<string> {
  const now = Math.floor(Date.now() / 1000)
  return new SignJWT({ tenant })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setAudience(AUDIENCE)
    .setSubject(sessionId)
    .setIssuedAt(now)
    .setExpirationTime(now + Math.ceil(maxDurationS) + GRACE_S)
    .sign(keyOf(secret))
}

/** Undefined when the token is not ours, not valid or expired. */
export async function readToken(token: string, secret: string): Promise<SessionToken | undefined> {
  try {
    const { payload } = await jwtVerify(token, keyOf(secret), { audience: AUDIENCE, algorithms: ['HS256'], requiredClaims: ['exp'] })
    const { sub, tenant } = Payload.parse(payload)
    return { tenant, sessionId: sub }
  } catch {
    // the caller is not told what is wrong with it
    return undefined
  }
}
