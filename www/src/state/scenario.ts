// The world of a rehearsal: a simulated tenant with data where the plan deletes, and the faults in it.
import type { Plan } from '../core'

export interface Settings {
  approver: string
  seed: number
  jobSeconds: number
  latencyMs: number
  lagSeconds: number
  /** The window of a hold placed during the run; the last chunk when empty. */
  hold: { start: string; end: string }
  faults: FaultName[]
}

/** The faults that can occur from the beginning, by a rule. */
export const FAULTS = ['rateLimited', 'lostSubmit', 'down', 'garbage', 'leave', 'stuck', 'revoked', 'holdMidRun'] as const
export type FaultName = (typeof FAULTS)[number]
/** The events that can be triggered during a run. Each happens once, at the next call that it fits. */
export const HAPPENINGS = ['hold', 'rateLimited', 'lostSubmit', 'down', 'garbage', 'leave', 'stuck', 'revoked'] as const
export type Happening = (typeof HAPPENINGS)[number]

/** A fault of the simulated tenant. */
type Fault = Exclude<Happening, 'hold'>

/** For each fault: the kind of call that it fits, what it does to it, and which of these calls it hits when it occurs by its rule. */
const TABLE: Record<Fault, { on: 'any' | 'submit' | 'status'; do: object; hits: { every: number } | { nth: number[] } }> = {
  rateLimited: { on: 'any', do: { kind: 'rateLimited', retryAfter: '5' }, hits: { every: 5 } },
  lostSubmit: { on: 'submit', do: { kind: 'dropAfter' }, hits: { nth: [2] } },
  down: { on: 'any', do: { kind: 'error', status: 503 }, hits: { every: 4 } },
  garbage: { on: 'status', do: { kind: 'garbage' }, hits: { every: 6 } },
  leave: { on: 'submit', do: { kind: 'leave', records: 3 }, hits: { nth: [1] } },
  stuck: { on: 'submit', do: { kind: 'stuck' }, hits: { nth: [3] } },
  revoked: { on: 'any', do: { kind: 'revokeToken' }, hits: { nth: [9] } },
}

/** The names of those kinds of call with recording jobs, where they differ. */
const JOB: Record<string, string> = { submit: 'job.create', status: 'job.get' }

function faultOf(name: Fault, api: string, when: object): object {
  const { on, do: does } = TABLE[name]
  return { on: (api === 'recordingJobs' ? JOB[on] : undefined) ?? on, do: does, ...when }
}

/** A fault that hits only the next call that it fits. */
export const faultOnce = (name: Fault, api: string): object => faultOf(name, api, { limit: 1 })

/** The scenario of a rehearsal. It has conversations all over the plan's range, however long that is. */
export function scenario(plan: Pick<Plan, 'starts' | 'ends' | 'dispositions'>, api: string, settings: Settings): object {
  const from = plan.starts[0] ?? 0
  const to = plan.ends[plan.ends.length - 1] ?? from + 1
  const last = lastChunk(plan)
  return {
    seed: settings.seed,
    latencyMs: settings.latencyMs,
    population: {
      from: new Date(from).toISOString(),
      to: new Date(to).toISOString(),
      everySeconds: Math.max(1800, Math.ceil((to - from) / 1000 / 20_000)),
    },
    dataDeletion: { processingSeconds: settings.jobSeconds },
    recordingJobs: { processingSeconds: settings.jobSeconds },
    analytics: { indexLagSeconds: settings.lagSeconds },
    ...(settings.faults.includes('holdMidRun') && last ? { holdMidRun: { afterSubmits: 2, window: last } } : {}),
    faults: settings.faults.flatMap((name) => (name === 'holdMidRun' ? [] : [faultOf(name, api, TABLE[name].hits)])),
  }
}

/** The window of a hold unless the user sets another: the last chunk. */
export function lastChunk(plan: Pick<Plan, 'starts' | 'ends' | 'dispositions'>): { start: string; end: string } | null {
  for (let part = plan.starts.length - 1; part >= 0; part -= 1) {
    if (plan.dispositions[part] === 0) {
      return { start: new Date(plan.starts[part] ?? 0).toISOString(), end: new Date(plan.ends[part] ?? 0).toISOString() }
    }
  }
  return null
}
