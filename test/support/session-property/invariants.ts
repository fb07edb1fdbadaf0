/** What holds of a session's events, whatever happened to it. */
import { expect } from 'vitest'
import type { OriginEvent } from '../../../shared/events.ts'
import type { RecordingSink } from '../fakes/session-fakes.ts'

export function checkEvents(sink: RecordingSink, tasks: readonly string[]): void {
  const count = (type: 'speech_finished' | 'turn_metrics' | 'speech_started', task: string) =>
    sink.of(type).filter(({ task_id }) => task_id === task).length
  for (const task of tasks) {
    expect(count('speech_finished', task), 'ends of a task').toBe(1)
    expect(count('turn_metrics', task), 'metrics of a task').toBe(1)
    expect(count('speech_started', task), 'beginnings of a task').toBeLessThanOrEqual(1)
  }
  let generation = 0
  let sounding: string | undefined
  let held: string | undefined
  let status = 'idle'
  let toldAt = Number.NEGATIVE_INFINITY
  const finished = new Set<string>()
  const covered = new Map<string, number>()
  for (const { event } of sink.events) {
    expect(event.generation ?? generation, `generation of ${event.type}`).toBeGreaterThanOrEqual(generation)
    generation = event.generation ?? generation
    const task = event.task_id ?? undefined
    // a frame may follow its sound, within the same generation
    if (task !== undefined && event.type !== 'interrupted' && event.type !== 'frame')
      expect(finished.has(task), `${event.type} after its task`).toBe(false)
    switch (event.type) {
      case 'speech_started':
        expect(sounding, 'task that sounds when another begins').toBeUndefined()
        expect(held, 'task that is held when another begins').toBeUndefined()
        sounding = task
        break
      case 'speech_paused':
        expect(held, 'task that is held already').toBeUndefined()
        held = task
        break
      case 'speech_resumed':
        expect(held, 'task that was held').toBe(task)
        held = undefined
        break
      case 'interrupted':
        held = undefined
        break
      case 'speech_finished':
        expect(held, 'held task that ends').not.toBe(task)
        if (sounding === task) sounding = undefined
        if (event.reason === 'completed') expect(event.played_ms, 'ms that sounded').toBe(Math.round(covered.get(task ?? '') ?? 0))
        finished.add(task ?? '')
        break
      case 'audio':
        checkSound(event)
        break
      case 'word':
        expect(held, 'held while a word sounds').toBeUndefined()
        expect(sounding, 'task of a word').toBe(task)
        break
      case 'status':
        expect(event.status, 'status told twice').not.toBe(status)
        if (event.status === 'speaking') expect(sounding, 'task that sounds').toMatch(/^task_/)
        status = event.status
        break
    }
  }
  expect(status, 'status at the end').toBe('idle')

  function checkSound(event: Extract<OriginEvent, { type: 'audio' }>): void {
    expect(held, 'held while it sounds').toBeUndefined()
    expect(sounding, 'task of a sound').toBe(event.task_id)
    if (event.format === 'wav') {
      const before = covered.get(event.task_id ?? '') ?? 0
      expect(event.pts_ms, 'gap in a task’s sound').toBeLessThanOrEqual(before + 0.001)
      covered.set(event.task_id ?? '', Math.max(before, event.pts_ms + event.duration * 1000))
      return
    }
    expect(event.timestamp, 'time of a sound').toBeGreaterThan(toldAt)
    toldAt = event.timestamp
  }
}
