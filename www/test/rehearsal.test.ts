// Runs to the end, while others may watch, stop and join.
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { plan, Rehearsal, type Standing } from '../pkg/node/purge.js'

const NOW = '2026-11-23T12:00:00.000Z'

/** Has so many chunks that it does not end within one turn. */
function rehearsal(): Rehearsal {
  const request = readFileSync(new URL('../../examples/q1-2023.json', import.meta.url), 'utf8')
  const days = JSON.stringify({ ...(JSON.parse(request) as object), chunking: { hours: 4 } })
  const handle = plan(days, undefined, JSON.stringify({ now: NOW }))
  const file = handle.planFile()
  handle.free()
  return new Rehearsal(file ?? '', 'dpo@example.com', '{"rateLimit": {"perMinute": null}}', NOW)
}

test('a run to the end reports progress, yields to other tasks, and ends like a stepped run', async () => {
  const stepped = rehearsal()
  while (stepped.step());
  const run = rehearsal()
  const told: Standing[] = []
  let turns = 0
  const timer = setInterval(() => (turns += 1), 0)
  await run.runToEnd((standing) => told.push(standing))
  clearInterval(timer)
  expect(turns).toBeGreaterThan(0)
  expect(told.length).toBeGreaterThan(2)
  expect(told.map(({ ended }) => ended)).toEqual(told.map(({ ended }) => ended).sort((a, b) => a - b))
  expect(told.at(-1)).toEqual(run.standing())
  expect(run.standing()).toMatchObject({ over: true, chunks: 540, ended: 540 })
  expect(run.nextAt()).toBeUndefined()
  const log = run.auditLog()
  expect(log).toBe(stepped.auditLog())
  const lines = log.split('\n').length - 1
  expect(run.auditLog(0, 7) + run.auditLog(7, 7) + run.auditLog(7, lines + 1)).toBe(log)
  expect(run.auditLog(lines)).toBe('')
  expect(run.report()).toEqual(stepped.report())
  const { report, exitCode } = run.report()
  expect(run.sums()).toEqual({ report: { ...report, chunks: [] }, exitCode })
})

test('a run to the end stops on its signal and can be continued', async () => {
  const run = rehearsal()
  const stop = new AbortController()
  const reason = new Error('enough')
  await expect(run.runToEnd(() => stop.abort(reason), stop.signal)).rejects.toBe(reason)
  expect(run.standing().over).toBe(false)
  await run.runToEnd(() => {})
  expect(run.standing().over).toBe(true)
})

test('a run to the end rejects with the error that its listener throws', async () => {
  const run = rehearsal()
  const fault = new Error('the listener failed')
  const failed = run.runToEnd(() => {
    throw fault
  })
  await expect(failed).rejects.toBe(fault)
})

test('a listener may cancel the run', async () => {
  const run = rehearsal()
  let told = 0
  await run.runToEnd(() => {
    told += 1
    if (told === 1) run.cancel()
  })
  const { report } = run.report()
  expect(report.totals.byOutcome.cancelled).toBeGreaterThan(0)
  expect(report.totals.open).toBe(0)
})
