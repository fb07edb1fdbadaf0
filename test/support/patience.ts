/** How long any test waits for anything, ms: only what never comes takes so long, on the slowest machine. */
export const PATIENCE_MS = 60_000
