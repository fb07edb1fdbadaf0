/** Versions said on every link. Nothing else lives here, so that the SDK can take it without zod. */

/** Version of the product, answered by `/health`. */
export const VERSION = '1.0.0'

/** Version of the messages between edge, origin and clients. Adding a field is free; changing or removing one bumps it. */
export const PROTOCOL_VERSION = 1
