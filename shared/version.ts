/** Versions that are exchanged on every link. Nothing else is in this file, so that the SDK can take it without zod. */

/** Version of the product, in the answer of `/health`. */
export const VERSION = '1.0.0'

/**
 * Version of the messages between edge and origin. Adding an optional field keeps it; changing or removing one raises it. The edge
 * refuses origins of another version.
 */
export const PROTOCOL_VERSION = 2
