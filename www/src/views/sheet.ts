// The sheet that people sign, only on paper: everything that the digest stands for, and what is not deleted.
import { html, nothing, type TemplateResult } from 'lit-html'
import { instant, length, number, plural } from '../format'
import { parseFields, textAt, valueAt, type Fields, type Json } from '../state/document'
import { reasonOf } from '../state/parts'
import { server } from '../state/served'
import { get } from '../state/store'
import { current, spreadOver } from '../state/volume'
import { t } from '../texts/sheet'
import { DISPOSITIONS, type Finding } from '../types'
import { clientId } from './client'
import { equation, sentence } from './frame'
import { worstFirst } from './findings'
import { withCode } from './withCode'
import { cost } from './totals'

/** The most rows, and the most findings: two pages of each. The plan file has all rows. */
const ROWS = 80

/** The most holds that are named although they do not concern the request: a policy may have very many. */
const NAMED = 500

/** The API's names for the flags of recording jobs, with the page's labels. */
const FLAGS = [
  ['includeRecordingsWithSensitiveData', t.form.includeSensitiveData],
  ['includePolicyBasedRecordings', t.form.includePolicyBased],
  ['includeSnippetRecordings', t.form.includeSnippets],
  ['includeScreenRecordings', t.sentence.records['screenRecording'] ?? ''],
] as const

/**
 * What else is deleted of recordings, and how long it can be undone. Only one of the APIs has such options. Read from the request
 * that is sent.
 */
function recordings(request: Fields): [string, string][] {
  if (textAt(request, ['api']) !== 'recordingJobs') return []
  const sent = parseFields(get().plan.submit(1, new Date().toISOString())?.body ?? '') ?? {}
  const flags = FLAGS.flatMap(([name, label]) => (name in sent ? [`${label}: ${sent[name] === true ? t.print.yes : t.print.no}`] : []))
  return [[t.form.recordings, [...flags, `${t.form.coolOffDays}: ${textAt(request, ['recordings', 'coolOffDays']) || '0'}`].join('; ')]]
}

/** The organisation, as far as this page knows it. The digest does not depend on it. */
function organisation(): string {
  const { plan } = get()
  const client = clientId()
  const tenant = server()?.tenant ?? (client === '' ? null : plan.wakeUp(1, client)?.tenant) ?? null
  return tenant === null ? t.print.notBound : t.print.bound(tenant)
}

/** The policy's limits, taken from the plan, which has the defaults filled in. */
function limits(approved: Fields): [string, string][] {
  const most = valueAt(approved, ['policy', 'limits', 'maxRecords'])
  const jobs = textAt(approved, ['request', 'api']) === 'recordingJobs'
  return [
    [t.print.secondPerson, valueAt(approved, ['policy', 'limits', 'secondPerson']) === true ? t.print.another : t.print.anybody],
    [t.print.most, typeof most === 'number' ? t.print.atMost(number(most)) : t.print.noMost],
    [t.print.afterwards, jobs ? t.print.sample(number(Number(valueAt(approved, ['policy', 'limits', 'verifyConversations'])))) : t.print.whole],
  ]
}

/** The number of records, if the user has given counts. */
function volume(): [string, string][] {
  const { plan } = get()
  const spread = spreadOver(plan)
  if (spread === null) return []
  return [[t.totals.names.records, `${spread.inChunksExact ? '' : '~'}${number(Math.round(spread.inChunks))} ${t.totals.notes.records(current()?.name ?? '')}`]]
}

/** How a hold applies to the request, according to core; null if it does not. */
function howHoldApplies(codes: readonly string[], keeps: boolean): string | null {
  if (codes.includes('hold.conversations')) return t.print.holds.conversations
  return codes.length > 0 || keeps ? t.print.holds.window : null
}

/** The codes of the findings, by pointer. */
function codesAt(findings: readonly Finding[]): Map<string, string[]> {
  const at = new Map<string, string[]>()
  for (const { pointer, code } of findings) at.set(pointer, [...(at.get(pointer) ?? []), code])
  return at
}

/**
 * Tells whether a hold is named as the reason why something is kept. An id with a backtick cannot be parsed out of the reasons, so
 * it is searched for as it is.
 */
function holdNamedIn(reasons: readonly string[]): (id: string) => boolean {
  const ids = new Set(reasons.flatMap((reason) => [...reason.matchAll(/hold `([^`]*)`/g)].map(([, id]) => id)))
  return (id) => (id.includes('`') ? reasons.some((reason) => reason.includes(`hold \`${id}\``)) : ids.has(id))
}

/** Whether conversations that go on after a chunk are looked for. Same rule as core's `looks_for_spanning`. */
function looksForSpanning(approved: Fields): boolean {
  if (textAt(approved, ['request', 'api']) === 'recordingJobs') return true
  const kinds = valueAt(approved, ['request', 'recordTypes'])
  return valueAt(approved, ['policy', 'limits', 'spanningConversations']) === true && Array.isArray(kinds) && kinds.includes('conversation')
}

/** Every hold of the policy, even one that keeps nothing: the person who signs must be able to see that it was known. */
function holds(approved: Fields): TemplateResult | typeof nothing {
  const { documents, plan } = get()
  if (documents.policy === null) return nothing
  const list = valueAt(approved, ['policy', 'holds'])
  const all = (Array.isArray(list) ? list : []).map((hold: Json, place) => ({ id: textAt(hold, ['id']), matter: textAt(hold, ['matter']), range: ['start', 'end'].map((side) => textAt(hold, ['range', side])), place }))
  const kept = [...new Set([...plan.dispositions].flatMap((kind, row) => (DISPOSITIONS[kind] === 'held' ? plan.rows(row, row + 1).map(({ reason }) => reason) : [])))]
  const [codes, keeps] = [codesAt(plan.summary.findings), holdNamedIn(kept)]
  const judged = all.map((hold) => ({ ...hold, how: howHoldApplies(codes.get(`policy#/holds/${hold.place}`) ?? [], keeps(hold.id)) }))
  const idle = judged.filter(({ how }) => how === null)
  const named = ({ id, matter }: { id: string; matter: string }): string => (matter === '' ? id : `${id} (${matter})`)
  // The time of a hold that does not apply may be the mistake.
  const dated = (hold: (typeof idle)[number]): string => [named(hold), ...(hold.range.every((at) => at !== '') ? [hold.range.join(' – ')] : [])].join(': ')
  const row = (name: string, how: string): TemplateResult => html`<tr><td>${name}</td><td>${how}</td></tr>`
  return html`<h3>${t.policy.holds} (${number(all.length)})</h3>
    ${all.length === 0 ? html`<p>${t.policy.noHolds}</p>` : html`<table class="holds"><tbody>
      ${judged.flatMap((hold) => (hold.how === null ? [] : [row(named(hold), hold.how)]))}
      ${idle.length === 0 ? nothing : row([...idle.slice(0, NAMED).map(dated), ...(idle.length > NAMED ? [t.more(number(idle.length - NAMED))] : [])].join(', '), t.print.holds.idle)}
    </tbody></table>
    ${looksForSpanning(approved) ? html`<p>${t.print.holds.spanning}</p>` : nothing}`}`
}

function facts(approved: Fields | null): [string, string][] {
  const { documents, plan } = get()
  const request = parseFields(documents.request) ?? {}
  const { accounting, estimate: e, policyDigest } = plan.summary
  const kinds = valueAt(request, ['recordTypes'])
  const chunking = valueAt(request, ['chunking'])
  return [
    [t.form.name, textAt(request, ['name'])],
    [t.print.organisation, organisation()],
    [t.form.api, textAt(request, ['api'])],
    [t.form.recordTypes, (Array.isArray(kinds) ? kinds : []).map((kind) => t.sentence.records[String(kind)] ?? String(kind)).join(', ')],
    [t.form.range, t.print.range(textAt(request, ['range', 'start']), textAt(request, ['range', 'end']))],
    [t.form.chunking, chunking && typeof chunking === 'object' ? Object.entries(chunking).map(([unit, n]) => (typeof n === 'number' ? plural(n, unit.replace(/s$/, '')) : `${String(n)} ${unit}`)).join(' ') : ''],
    [t.form.jurisdiction, textAt(request, ['jurisdiction'])],
    ...recordings(request),
    [t.form.query, textAt(request, ['query']) || t.print.everything],
    [t.form.reason, textAt(request, ['reason'])],
    [t.form.requestedBy, textAt(request, ['requestedBy'])],
    [t.form.override, ['reason', 'approver'].map((name) => textAt(request, ['retentionOverride', name])).filter(Boolean).join(', ') || t.print.noOverride],
    [t.print.policy, documents.policy === null ? t.print.noPolicy : (policyDigest ?? '–')],
    ...(approved === null ? [] : limits(approved)),
    [t.print.accounting, accounting ? equation(accounting) : '–'],
    ...volume(),
    [t.print.effort, e ? `~${number(e.apiCalls)} ${t.totals.names.calls}, ~${length(e.seconds * 1000)}, ~${cost(e)}` : '–'],
  ]
}

/** When a paper was made, to the minute. */
export const madeNow = (): TemplateResult => html`<p>${t.print.made(instant(Math.floor(Date.now() / 60_000) * 60_000))}</p>`

/** Where people sign. */
export const signatures = (people: readonly string[]): TemplateResult =>
  html`<div class="sign">${people.map((who) => html`<div><p>${who}</p><span>${t.print.line}</span></div>`)}</div>`

export function sheet(): TemplateResult {
  const { plan } = get()
  const { summary } = plan
  const rows = plan.rows(0, ROWS)
  const approvable = summary.digest !== null
  const approved = parseFields(plan.file() ?? '')
  return html`<section class="sheet" aria-hidden="true">
    <header><h2>${t.print.title}</h2>${madeNow()}</header>
    <p class="sentence">${sentence()}</p>
    ${approvable
      ? html`<div class="approve"><strong>${summary.shortCode}</strong><div><code>${summary.digest}</code><p>${t.print.check}</p></div></div>`
      : html`<p class="approve">${t.print.stopped}</p>`}
    <dl>${facts(approved).map(([name, text]) => html`<dt>${name}</dt><dd>${text}</dd>`)}</dl>
    ${approved === null ? nothing : holds(approved)}
    ${summary.findings.length > 0
      ? html`<h3>${t.findings.title}</h3><ul>${worstFirst().slice(0, ROWS).map((f) => html`<li><strong>${t.findings.severities[f.severity]}</strong> ${withCode(f.message)} <code>${f.code}</code></li>`)}
          ${summary.findings.length > ROWS ? html`<li>${t.more(number(summary.findings.length - ROWS))}</li>` : nothing}</ul>`
      : nothing}
    ${approvable ? signatures(t.print.signatures) : nothing}
    <h3>${t.table.title}</h3>
    <table class="parts"><thead><tr><th>#</th><th>${t.table.columns.start}</th><th>${t.table.columns.end}</th><th>${t.table.columns.length}</th><th>${t.table.columns.state}</th><th>${t.table.columns.why}</th></tr></thead>
      <tbody>${rows.map((row) => html`<tr class=${row.disposition}><td>${row.chunk ?? ''}</td><td>${instant(Date.parse(row.start))}</td><td>${instant(Date.parse(row.end))}</td>
        <td>${length(Date.parse(row.end) - Date.parse(row.start))}</td><td>${t.timeline.dispositions[row.disposition]}</td><td>${withCode(reasonOf(row))}</td></tr>`)}</tbody></table>
    ${summary.parts > rows.length ? html`<p>${t.print.longer(number(summary.parts))}</p>` : nothing}
  </section>`
}
