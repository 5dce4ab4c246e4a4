// Only on paper: the sheet that somebody signs. Everything that the digest stands for, and what it does not delete.
import { html, nothing, type TemplateResult } from 'lit-html'
import { instant, length, number } from '../format'
import { at, fields, textAt, type Fields } from '../state/document'
import { get } from '../state/store'
import { t } from '../texts/sheet'
import { equation, sentence } from './frame'
import { ticked } from './ticked'
import { cost } from './totals'

/** Rows and findings that fit on two pages each; the plan file has all rows. */
const ROWS = 80

/** What else is deleted of recordings, and until when it can be undone: only one of the APIs has such options. */
function recordings(request: Fields): [string, string][] {
  if (textAt(request, ['api']) !== 'recordingJobs') return []
  const flags = (['includeSensitiveData', 'includePolicyBased', 'includeSnippets'] as const).map((name) =>
    `${t.form[name]}: ${at(request, ['recordings', name]) === false ? t.print.no : t.print.yes}`)
  return [[t.form.recordings, [...flags, `${t.form.coolOffDays}: ${textAt(request, ['recordings', 'coolOffDays']) || '0'}`].join('; ')]]
}

function facts(): [string, string][] {
  const { documents, plan } = get()
  const request = fields(documents.request) ?? {}
  const { accounting, estimate: e, policyDigest } = plan.summary
  const kinds = at(request, ['recordTypes'])
  const chunking = at(request, ['chunking'])
  return [
    [t.form.name, textAt(request, ['name'])],
    [t.form.api, textAt(request, ['api'])],
    [t.form.recordTypes, (Array.isArray(kinds) ? kinds : []).map((kind) => t.sentence.records[String(kind)] ?? String(kind)).join(', ')],
    [t.form.range, t.print.range(textAt(request, ['range', 'start']), textAt(request, ['range', 'end']))],
    [t.form.chunking, chunking && typeof chunking === 'object' ? Object.entries(chunking).map(([unit, n]) => `${String(n)} ${unit}`).join(' ') : ''],
    [t.form.jurisdiction, textAt(request, ['jurisdiction'])],
    ...recordings(request),
    [t.form.query, textAt(request, ['query']) || t.print.everything],
    [t.form.reason, textAt(request, ['reason'])],
    [t.form.requestedBy, textAt(request, ['requestedBy'])],
    [t.form.override, ['reason', 'approver'].map((name) => textAt(request, ['retentionOverride', name])).filter(Boolean).join(', ') || t.print.noOverride],
    [t.print.policy, documents.policy === null ? t.print.noPolicy : (policyDigest ?? '–')],
    [t.print.accounting, accounting ? equation(accounting) : '–'],
    [t.print.effort, e ? `~${number(e.apiCalls)} ${t.totals.names.calls}, ~${length(e.seconds * 1000)}, ~${cost(e)}` : '–'],
  ]
}

/** When a paper was made, to the minute. */
export const madeNow = (): TemplateResult => html`<p>${t.print.made(instant(Math.floor(Date.now() / 60_000) * 60_000))}</p>`

/** Where people sign it. */
export const signatures = (people: readonly string[]): TemplateResult =>
  html`<div class="sign">${people.map((who) => html`<div><p>${who}</p><span>${t.print.line}</span></div>`)}</div>`

export function sheet(): TemplateResult {
  const { plan } = get()
  const { summary } = plan
  const rows = plan.rows(0, ROWS)
  const approvable = summary.digest !== null
  return html`<section class="sheet" aria-hidden="true">
    <header><h2>${t.print.title}</h2>${madeNow()}</header>
    <p class="sentence">${sentence()}</p>
    ${approvable
      ? html`<div class="approve"><strong>${summary.shortCode}</strong><div><code>${summary.digest}</code><p>${t.print.check}</p></div></div>`
      : html`<p class="approve">${t.print.stopped}</p>`}
    <dl>${facts().map(([name, text]) => html`<dt>${name}</dt><dd>${text}</dd>`)}</dl>
    ${summary.findings.length > 0
      ? html`<h3>${t.findings.title}</h3><ul>${summary.findings.slice(0, ROWS).map((f) => html`<li><strong>${t.findings.severities[f.severity]}</strong> ${ticked(f.message)} <code>${f.code}</code></li>`)}
          ${summary.findings.length > ROWS ? html`<li>${t.more(number(summary.findings.length - ROWS))}</li>` : nothing}</ul>`
      : nothing}
    ${approvable ? signatures(t.print.signatures) : nothing}
    <h3>${t.table.title}</h3>
    <table class="parts"><thead><tr><th>#</th><th>${t.table.columns.start}</th><th>${t.table.columns.end}</th><th>${t.table.columns.length}</th><th>${t.table.columns.state}</th><th>${t.table.columns.why}</th></tr></thead>
      <tbody>${rows.map((row) => html`<tr class=${row.disposition}><td>${row.chunk ?? ''}</td><td>${instant(Date.parse(row.start))}</td><td>${instant(Date.parse(row.end))}</td>
        <td>${length(Date.parse(row.end) - Date.parse(row.start))}</td><td>${t.timeline.dispositions[row.disposition]}</td><td>${ticked(row.reason)}</td></tr>`)}</tbody></table>
    ${summary.parts > rows.length ? html`<p>${t.print.longer(number(summary.parts))}</p>` : nothing}
  </section>`
}
