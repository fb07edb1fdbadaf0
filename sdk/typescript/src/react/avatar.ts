/** The avatar as an element of a page. */
import { createElement, type HTMLAttributes, type ReactElement, useEffect, useRef } from 'react'
import type { ViewOptions } from '../index.ts'
import type { AvatarHandle } from './use-avatar.ts'

export interface AvatarProps extends HTMLAttributes<HTMLDivElement> {
  /** Of `useAvatar()`. */
  avatar: AvatarHandle
  /** How it is shown; read when the session is. */
  view?: ViewOptions
}

/** Fills its box with the avatar. @example <Avatar avatar={avatar} style={{ width: 512, height: 512 }} /> */
export function Avatar({ avatar: { show }, view, ...attributes }: AvatarProps): ReactElement {
  const box = useRef<HTMLDivElement>(null)
  const options = useRef(view)
  options.current = view
  useEffect(() => (box.current ? show(box.current, options.current) : undefined), [show])
  return createElement('div', { ...attributes, ref: box })
}
