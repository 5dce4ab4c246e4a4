// Decides the cases of vector files with the wasm package that is given, in Node or in a page. Imports nothing, so that it can be
// served to a page as it is.
type Package = Pick<typeof import('../../www/pkg/web/purge.js'), 'plan' | 'Rehearsal' | 'EvidenceCheck' | 'fileDigest'>
type PlanHandle = ReturnType<Package['plan']>

type Fields = Record<string, unknown>

interface Context {
  now: string
  defaultJurisdiction?: string
  tenantJurisdiction?: string
}

/** A case of a file; what it does not say, the file does. */
export interface Case {
  name: string
  expect: unknown
  text?: string
  with?: Fields
  without?: string[]
  policy?: Fields | string | null
  context?: Context
  approvedBy?: string
  scenario?: Fields
  /** Somebody has edited the plan file: what stood there, and what stands there now. */
  edit?: [string, string]
  /** When somebody asks to stop. */
  cancelAfterMs?: number
  log?: string[]
  between?: string
  manifest?: string
}

export interface VectorFile {
  cases: Case[]
  request: Fields
  policy: Fields | string | null
  context: Context
  approvedBy: string
  scenario: Fields
  lines: Record<string, string>
  manifests: Record<string, unknown>
}

/** So many rows are compared one by one; the digest covers the rest. */
const ROWS = 8
const COUNTS = ['submits', 'requests', 'before', 'recordsDeleted', 'remaining', 'protected'] as const

/** More happenings than any run here has. */
const MOST = 1_000_000

const textOf = (json: unknown): string => (typeof json === 'string' ? json : JSON.stringify(json))

function planned(purge: Package, file: VectorFile, one: Case): PlanHandle {
  const request = { ...file.request, ...one.with }
  for (const name of one.without ?? []) delete request[name]
  const policy = one.policy === undefined ? file.policy : one.policy
  return purge.plan(one.text ?? JSON.stringify(request), policy === null ? undefined : textOf(policy), JSON.stringify(one.context ?? file.context))
}

function plans(purge: Package, file: VectorFile, one: Case): unknown {
  const handle = planned(purge, file, one)
  const { findings, accounting, digest, shortCode, chunks, parts } = handle.summary()
  const out: Fields = { findings: findings.map((f) => `${f.severity} ${f.code} ${f.pointer}`) }
  if (accounting) {
    out['accounting'] = accounting
    out['rows'] = handle.rows(0, ROWS).map((row) => {
      const age = row.age === null ? '' : ` (${row.age})`
      return `${row.start}/${row.end} ${row.disposition}: ${row.reason}${age}`
    })
  }
  if (digest !== null) {
    Object.assign(out, { digest, shortCode, chunks, parts })
    const submit = handle.submit(1, (one.context ?? file.context).now)
    out['submits'] = submit && { [`${submit.method} ${submit.path}`]: JSON.parse(submit.body ?? 'null') }
  }
  handle.free()
  return out
}

function runs(purge: Package, file: VectorFile, one: Case): unknown {
  const handle = planned(purge, file, one)
  const planFile = (handle.planFile() ?? '').replace(...(one.edit ?? ['', '']))
  handle.free()
  const scenario = JSON.stringify({ ...file.scenario, ...one.scenario })
  let rehearsal
  try {
    rehearsal = new purge.Rehearsal(planFile, one.approvedBy ?? file.approvedBy, scenario, (one.context ?? file.context).now)
  } catch (refused) {
    return { refused }
  }
  if (one.cancelAfterMs !== undefined) {
    if (one.cancelAfterMs > 0) rehearsal.runUntil(Date.parse((one.context ?? file.context).now) + one.cancelAfterMs, MOST)
    rehearsal.cancel()
  }
  if (!rehearsal.runUntil(Infinity, MOST)) throw new Error('it does not end')
  const { report, exitCode } = rehearsal.report()
  const chunks = report.chunks.map((chunk) => ({
    outcome: `${chunk.outcome}${chunk.cause === null ? '' : `: ${chunk.cause.code}`}`,
    ...Object.fromEntries(COUNTS.filter((name) => chunk[name] !== null).map((name) => [name, chunk[name]])),
  }))
  const log = rehearsal.auditLog()
  rehearsal.free()
  return {
    outcome: report.outcome,
    exitCode,
    lastAt: report.lastAt,
    chunks,
    waits: report.totals.waits,
    problems: report.problems.map(({ code }) => code),
    records: log.split('\n').length - 1,
    auditLog: purge.fileDigest(new TextEncoder().encode(log)),
  }
}

function logs(purge: Package, file: VectorFile, one: Case): unknown {
  const check = new purge.EvidenceCheck()
  const text = (one.log ?? []).map((name) => file.lines[name]).join(one.between ?? '\n')
  const bytes = new TextEncoder().encode(text)
  // Cut where no line ends.
  for (let from = 0; from < bytes.length; from += 1000) check.feed(bytes.subarray(from, from + 1000))
  try {
    const verdict = check.finish(one.manifest === undefined ? undefined : JSON.stringify(file.manifests[one.manifest]))
    const { good, lines, records, chains, manifestChecked, bad } = verdict
    if (bad === null) return { good, lines, records, chains, manifestChecked }
    const place = Object.entries(bad).filter(([name, value]) => name !== 'why' && value !== null)
    return { good, lines, records, chains, manifestChecked, bad: { ...Object.fromEntries(place), why: bad.why.kind } }
  } catch {
    return 'the manifest cannot be read'
  }
}

const KINDS: Record<string, (purge: Package, file: VectorFile, one: Case) => unknown> = { plans, runs, logs }

/** What is decided of every case of a file, in order. `kind` is the folder. */
export const decide = (purge: Package, kind: string, file: VectorFile): unknown[] =>
  file.cases.map((one) => KINDS[kind]?.(purge, file, one))
