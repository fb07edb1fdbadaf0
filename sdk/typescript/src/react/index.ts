/** AvaTar for React 18 and newer. */
export { Avatar, type AvatarProps } from './avatar.ts'
export type { Message } from './messages.ts'
export { type AvatarHandle, type AvatarStatus, type UseAvatarOptions, useAvatar } from './use-avatar.ts'
