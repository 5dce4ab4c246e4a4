// What a chunk waits for, in words.
import type { WaitReason } from '../types'

/** What is known about resources that chunks share and wait for. */
export interface Shared {
  requestsPerMinute?: number
  /** Whether the chunk holds a slot itself, and who holds slots; `run` is null for chunks of the same run. */
  slots?: { of: number; own: boolean; holders: { chunk: number; run: string | null }[] }
}

function holders(list: { chunk: number; run: string | null }[]): string {
  const runs = [...new Set(list.map(({ run }) => run))]
  return runs.map((run) => {
    const chunks = list.filter((one) => one.run === run).map(({ chunk }) => String(chunk))
    return `chunk${chunks.length === 1 ? '' : 's'} ${chunks.join(' and ')}${run === null ? '' : ` of ${run}`}`
  }).join(' and ')
}

/** What it waits for, in words, with what is known about the shared resource. */
export const wait = (reason: WaitReason, known: Shared = {}): string => {
  switch (reason.kind) {
    case 'rateLimited':
      return reason.retryAfterSeconds === null
        ? 'the pause that the server asked for'
        : `the pause of ${reason.retryAfterSeconds} s that the server asked for`
    case 'backoff':
      return `a retry after ${reason.attempt} failure${reason.attempt === 1 ? '' : 's'}`
    case 'jobPending':
      return reason.percent === null ? 'the job' : `the job, ${reason.percent} %`
    case 'requestBudget':
      return known.requestsPerMinute === undefined
        ? 'room in the request budget'
        : `room in the request budget: ${known.requestsPerMinute} a minute for all runs together`
    case 'slotBusy':
      if (!known.slots) return 'a job slot of the organisation'
      if (known.slots.own) return 'other recording jobs of the organisation, outside this ledger, to end'
      return `one of ${known.slots.of} job slots${known.slots.holders.length === 0 ? '' : `, held by ${holders(known.slots.holders)}`}`
    case 'confirmingSubmit':
      return 'signs of an unanswered submit'
    case 'indexLag':
      return 'the search index to catch up'
    case 'coolOff':
      return 'the cool-off: the recordings are deleted when it ends'
    case 'inFlight':
      return 'an answer'
  }
}
