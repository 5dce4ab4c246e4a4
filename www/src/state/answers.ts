// The answers of `genesys-purge serve`, as far as the page reads them. A test compares these types with a real server's answers.
import type { Accounting, ChunkView, Finding, Outcome, Report, Reported, WaitReason } from '../types'

/** What the server says about itself. */
export interface About {
  version: string
  simulated: boolean
  tenant: string | null
  ledger: string
  policies: { name: string; policy: unknown }[]
  remarks: Finding[]
  now: string
}

export type Standing = 'ended' | 'cancelling' | 'underWay' | 'stopped'

export interface RunFacts {
  runId: string
  name: string
  api: string
  planDigest: string
  shortCode: string
  tenant: string
  simulated: boolean
  served: boolean
  chunks: number
  open: number
  ended: Partial<Record<Outcome, number>>
  standing: Standing
  carried: 'here' | 'elsewhere' | null
  can: { cancel: boolean; retry: boolean; resume: boolean }
  /** The job slots that all runs of the organisation share; null where the API has none. */
  slots: { of: number; holders: { runId: string; name: string; chunk: number }[] } | null
  trouble: Finding[]
  requestedBy: string
  approvedBy: string
  approvedAt: string
  cancelAsked: string | null
  cancelAskedBy: string | null
  createdAt: string
  updatedAt: string
  mark: string
}

export interface RunDetail extends RunFacts {
  request: { reason: string; range: { start: string; end: string }; recordTypes: string[]; jurisdiction: string }
  complianceNote: string
  limits: { requestsPerMinute: number }
  accounting: Accounting | null
  evidence: { folder: string; digest: string } | null
}

/** The report so far, without its chunks, and how many messages have been sent. */
export interface Sums extends Pick<Report, 'outcome' | 'startedAt' | 'lastAt' | 'totals' | 'accounting' | 'problems'> {
  exitCode: number
  messages: { delivered: number; pending: number; dead: number }
}

/** The members of an audit record that are drawn and listed. */
export interface AuditRecord {
  chunk: number
  attempt: number
  timestamp: string
  status: ChunkView['state']
  event: { kind: string; reason?: WaitReason; outcome?: Outcome }
}

export interface Line {
  position: number
  record: AuditRecord
}

/** The answer to each question. */
export interface Answers {
  server: About
  runs: { now: string; runs: RunFacts[] }
  run: { now: string; run: RunDetail }
  chunks: { chunks: ChunkView[]; next: number | null }
  audit: { records: Line[]; next: number | null }
  sums: Sums
  /** The whole report of the evidence. */
  report: Reported
  evidence: { folder: string; files: { name: string; bytes: number }[] }
  /** The answer to a request that starts or changes a run. */
  changed: { now: string; run: RunFacts }
  /** The answer to a refused request. */
  problem: { status: number; title: string; detail: string; findings: Finding[] }
}

/** The data of a stream's events, by event name. */
export interface Events {
  chunk: ChunkView
  record: Line
  run: { now: string; run: RunFacts }
  beat: { now: string }
  reset: object
}
