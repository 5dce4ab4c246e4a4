// What the plan adds up to, and what carrying it out is expected to take. Estimates are marked with "~".
import { html, nothing, type TemplateResult } from 'lit-html'
import { length, money, number } from '../format'
import { get } from '../state/store'
import { current, spreadOver } from '../state/volume'
import { t } from '../texts/page'
import type { Estimate } from '../types'

/** What AWS charges for functions, queues and table together. */
export const cost = (e: Estimate): string => money(e.lambdaNanoDollars + e.sqsNanoDollars + e.tableNanoDollars)

export function totals(): TemplateResult {
  const { plan } = get()
  const { estimate: e, accounting } = plan.summary
  if (!e) return html`<p class="empty">${t.totals.none}</p>`
  const spread = spreadOver(plan)
  const rows: [string, string, string][] = [
    [t.totals.names.chunks, number(e.chunks), accounting ? t.totals.notes.chunks(length(accounting.chunksMs)) : ''],
    ...(spread ? [[t.totals.names.records, `${spread.inChunksExact ? '' : '~'}${number(Math.round(spread.inChunks))}`, t.totals.notes.records(current()?.name ?? '')] as [string, string, string]] : []),
    [t.totals.names.calls, `~${number(e.apiCalls)}`, t.totals.notes.calls(number(e.callsPerChunk))],
    [t.totals.names.time, `~${length(e.seconds * 1000)}`, t.totals.notes.time(length(e.assumedJobSeconds * 1000))],
    [t.totals.names.messages, `~${number(e.messages)}`, t.totals.notes.messages],
    [t.totals.names.lambda, `~${money(e.lambdaNanoDollars)}`, t.totals.notes.lambda],
    [t.totals.names.sqs, `~${money(e.sqsNanoDollars)}`, t.totals.notes.sqs],
    [t.totals.names.table, `~${money(e.tableNanoDollars)}`, t.totals.notes.table],
    [t.totals.names.cost, `~${cost(e)}`, t.totals.notes.cost],
  ]
  return html`<table class="totals"><tbody>${rows.map(([name, value, note]) => html`<tr><th scope="row">${name}</th><td class="figure">${value}</td>
      <td class="quiet">${note}</td></tr>`)}</tbody></table>
    <p class="quiet">${t.totals.estimates}</p>${spread ? nothing : html`<p class="quiet">${t.totals.noVolume}</p>`}`
}
