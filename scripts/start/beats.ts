/** What the origin's process tells the one that started it. */

export const ALIVE = 'avatar:alive'
export const LEAVING = 'avatar:leaving'
