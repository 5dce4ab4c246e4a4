/// <reference lib="esnext.disposable" />
// The types of what crosses from core. A test makes samples with core itself and checks them against these types.

export type Severity = 'error' | 'blocked' | 'warning' | 'note'
export type Disposition = 'chunk' | 'held' | 'retained' | 'tooRecent' | 'refused'

export interface Finding {
  code: string
  severity: Severity
  pointer: string
  message: string
  help: string
}

export interface Accounting {
  requestedMs: number
  chunksMs: number
  heldMs: number
  retainedMs: number
  tooRecentMs: number
  refusedMs: number
}

export interface Estimate {
  chunks: number
  apiCalls: number
  seconds: number
  assumedJobSeconds: number
  callsPerChunk: number
  messages: number
  /** Billionths of a US dollar. */
  lambdaNanoDollars: number
  sqsNanoDollars: number
  tableNanoDollars: number
}

export interface Summary {
  digest: string | null
  shortCode: string | null
  policyDigest: string | null
  chunks: number
  parts: number
  findings: Finding[]
  accounting: Accounting | null
  estimate: Estimate | null
}

export interface Row {
  start: string
  end: string
  disposition: Disposition
  reason: string
  chunk: number | null
  age: 'recent' | 'aged' | null
}

/** The message that wakes a chunk on AWS. */
export interface QueueMessage {
  tenant: string
  body: string
}

export interface HttpRequest {
  target: 'api' | 'login' | 'webhook'
  method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  path: string
  auth: 'none' | 'basic' | 'bearer' | 'bearerRenewed'
  contentType: string | null
  body: string | null
}

export type WaitReason =
  | { kind: 'rateLimited'; retryAfterSeconds: number | null }
  | { kind: 'backoff'; attempt: number }
  | { kind: 'jobPending'; percent: number | null }
  | { kind: 'requestBudget' }
  | { kind: 'slotBusy' }
  | { kind: 'confirmingSubmit' }
  | { kind: 'indexLag' }
  | { kind: 'coolOff' }
  | { kind: 'inFlight' }

export type Outcome =
  | 'verified'
  | 'residual'
  | 'unknown'
  | 'held'
  | 'rejected'
  | 'failed'
  | 'timedOut'
  | 'cancelled'

/** What a chunk that has not ended is doing. */
export type ChunkState =
  | 'queued'
  | 'waitingForSlot'
  | 'checkingHolds'
  | 'counting'
  | 'submitting'
  | 'confirmingSubmit'
  | 'preparing'
  | 'executing'
  | 'deleting'
  | 'collectingFailures'
  | 'verifying'
  | 'cancelling'

export interface Cause {
  code: string
  message: string
  contextId?: string
  correlationId?: string
}

export interface ChunkView {
  chunk: { index: number; total: number; window: { start: string; end: string }; age: 'recent' | 'aged' }
  attempt: number
  /** The outcome once the chunk has ended. */
  state: ChunkState | Outcome
  wait: WaitReason | null
  due: string | null
  startedAt: string | null
  endedAt: string | null
  requestId: string | null
  percent: number | null
  submits: number
  requests: number
  before: number | null
  remaining: number | null
  recordsDeleted: number | null
  protected: number | null
  outcome: Outcome | null
  cause: Cause | null
}

export interface Happened {
  at: string
  chunk: number
  view: ChunkView
  request: string | null
  lines: string[]
}

export interface Standing {
  now: string
  ended: number
  chunks: number
  over: boolean
}

export interface ChunkReport {
  index: number
  window: { start: string; end: string }
  outcome: Outcome | null
  cause: Cause | null
  refusedByApi: boolean
  requestId: string | null
  attempts: number
  submits: number
  requests: number | null
  before: number | null
  recordsDeleted: number | null
  remaining: number | null
  protected: number | null
  durationMs: number | null
  endedAt: string | null
}

export interface Report {
  event: 'report'
  version: number
  runId: string
  planDigest: string
  tenant: string
  simulated: boolean
  outcome: string
  startedAt: string | null
  lastAt: string | null
  chunks: ChunkReport[]
  totals: {
    chunks: number
    byOutcome: Partial<Record<Outcome, number>>
    open: number
    submits: number
    requests: number | null
    recordsDeleted: number | null
    measuredChunks: number
    protected: number
    remaining: number | null
    rateLimited: number
    waits: Record<string, number>
  }
  accounting: Accounting
  problems: { code: string; chunk?: number; message: string }[]
}

export interface Reported {
  report: Report
  exitCode: number
}

export interface Verdict {
  good: boolean
  records: number
  lines: number
  manifestChecked: boolean
  runId: string | null
  planDigest: string | null
  /** Whether any record says that the tenant was a simulated one. */
  simulated: boolean
  approvedBy: string[]
  from: string | null
  until: string | null
  chains: number
  /** The number of chains by the outcome of their chunk. */
  ended: Partial<Record<Outcome, number>>
  /** The first chains whose chunk did not end as verified. `outcome` is null while the last attempt is not over. */
  others: { chunk: number; outcome: Outcome | null }[]
  bad: { line: number | null; chunk: number | null; seq: number | null; why: { kind: string } } | null
  message: string | null
}

/** What a run did, in brief, according to its records and its approval. */
export interface Told {
  /** The API's address with the OAuth client, or the simulated tenant's name. */
  tenant: string
  jurisdiction: string
  approvedBy: string
  approvedAt: string
  startedAt: string | null
  lastAt: string | null
  /** Chunks of the plan. */
  chunks: number
  byOutcome: Record<Outcome, number>
  /** Chunks that have not ended, begun or not. */
  open: number
  /** Null when a chunk that submitted was not measured. */
  recordsDeleted: number | null
  /** Null when a chunk was not measured. */
  remaining: number | null
  /** Records that the platform was seen to keep because of a hold. */
  protected: number
}

/** One of the checks of `genesys-purge verify`. */
export interface Check {
  name: string
  holds: boolean
  /** What holds, or what does not. */
  detail: string
}

export interface EvidenceVerdict {
  /** Whether every check passed. */
  holds: boolean
  /** Digest of the manifest, which `run` printed; null when there is none. */
  evidenceDigest: string | null
  /** How the run ended, in one word; null when something that it follows from is missing or cannot be trusted. */
  outcome: string | null
  /** What else the records say, in brief; null when `outcome` is. */
  summary: Told | null
  /** All checks that could be made; none without a manifest. With a damaged one, the single check that says so. */
  checks: Check[]
  /** The result of checking the log alone. */
  log: Verdict
}
