// The world of a rehearsal: a fault is the same whether it was chosen before the run or triggered during it.
import { expect, test } from 'vitest'
import { faultOnce, FAULTS, HAPPENINGS, scenario, type Settings } from '../src/state/scenario'

const plan = { starts: new Float64Array([0, 86_400_000]), ends: new Float64Array([86_400_000, 172_800_000]), dispositions: new Uint8Array([0, 1]) }
const settings = (...faults: Settings['faults']): Settings => ({ approver: '', seed: 1, jobSeconds: 1, latencyMs: 1, lagSeconds: 1, hold: { start: '', end: '' }, faults })
const told = (fault: object): unknown[] => ['on', 'do'].map((name) => (fault as Record<string, unknown>)[name])

test.each(['dataDeletion', 'recordingJobs'])('with %s, a fault does the same to the same calls, whether by a rule or triggered once', (api) => {
  const names = HAPPENINGS.filter((name) => name !== 'hold')
  const { faults } = scenario(plan, api, settings(...names)) as { faults: object[] }
  expect(faults.map(told)).toEqual(names.map((name) => told(faultOnce(name, api))))
  expect(names.map((name) => (faultOnce(name, api) as { limit: number }).limit)).toEqual(names.map(() => 1))
  expect(FAULTS.filter((name) => name !== 'holdMidRun')).toEqual(names)
})

test('faults of recording jobs hit their own calls, and a hold during the run keeps the last chunk', () => {
  expect(faultOnce('lostSubmit', 'recordingJobs')).toMatchObject({ on: 'job.create' })
  expect(faultOnce('garbage', 'recordingJobs')).toMatchObject({ on: 'job.get' })
  expect(faultOnce('garbage', 'dataDeletion')).toMatchObject({ on: 'status' })
  expect(scenario(plan, 'dataDeletion', settings('holdMidRun'))).toMatchObject({
    faults: [], holdMidRun: { window: { start: '1970-01-01T00:00:00.000Z', end: '1970-01-02T00:00:00.000Z' } },
  })
})
