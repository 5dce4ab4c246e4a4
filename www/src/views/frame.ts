// What is always shown: the views, one plain sentence, and the sums.
import { html, nothing, type TemplateResult } from 'lit-html'
import { day, exactLength, length, number, plural } from '../format'
import { parseFields, textAt, valueAt } from '../state/document'
import { isServed } from '../state/served'
import { canRedo, canUndo, change, get, link, redo, say, setTheme, show, undo, VIEWS, type Theme } from '../state/store'
import { t } from '../texts/page'
import type { Accounting } from '../types'
import { selectValue } from './selectValue'
import { exportPlan, exportRequest } from './exports'
import { copy } from './files'
import { canCarryOut, carryOut, tenantBadge } from './served'
import { cost } from './totals'

/** What will happen, in one sentence. */
export function sentence(): TemplateResult | string {
  const { plan, documents, damaged } = get()
  const { summary } = plan
  if (damaged) return t.sentence.damaged
  const request = parseFields(documents.request)
  if (!summary.digest || !request) return t.sentence.none
  const kinds = valueAt(request, ['recordTypes'])
  const what = t.sentence.and((Array.isArray(kinds) ? kinds : []).map((kind) => t.sentence.records[String(kind)] ?? String(kind)))
  const from = day(plan.starts[0] ?? 0)
  const to = day(plan.ends[plan.ends.length - 1] ?? 0)
  const query = textAt(request, ['query'])
  const overriding = valueAt(request, ['retentionOverride']) != null
  const kept = keptParts(summary.accounting)
  return html`${t.sentence.deletes(what, from, to, plural(summary.chunks, 'chunk'), textAt(request, ['api']))}${query === ''
    ? nothing
    : html`, ${t.sentence.matching} <code>${query.length > QUERY ? `${query.slice(0, QUERY)}…` : query}</code>`}${overriding ? `, ${t.sentence.overriding}` : nothing}.${kept ? ` ${t.sentence.areKept(kept)}` : nothing}`
}

/** The most characters of a query that the sentence shows. */
const QUERY = 200

function keptParts(accounting: Accounting | null): string {
  if (!accounting) return ''
  const { heldMs, retainedMs, tooRecentMs, refusedMs } = accounting
  const words = t.sentence.kept
  const list = ([[heldMs, words.held], [retainedMs, words.retained], [tooRecentMs, words.tooRecent], [refusedMs, words.refused]] as const)
    .filter(([ms]) => ms > 0)
    .map(([ms, why]) => `${length(ms)} ${why}`)
  return t.sentence.and(list)
}

export function header(): TemplateResult {
  const state = get()
  const { digest, shortCode } = state.plan.summary
  return html`<a class="skip" href="#content" @click=${skip}>${t.skip}</a>
    <header class="top">
      <h1>${t.product}</h1>
      <nav aria-label=${t.product}>
        ${VIEWS.map((view) => html`<button type="button" title=${t.viewHelp[view]}
          aria-current=${state.view === view ? 'page' : nothing} @click=${() => show(view)}>${t.views[view]}</button>`)}
      </nav>
      <div class="tools">
        ${tenantBadge()}
        <button type="button" class="plain" aria-disabled=${canUndo() ? nothing : 'true'} @click=${() => void undo()}>${t.undo}</button>
        <button type="button" class="plain" aria-disabled=${canRedo() ? nothing : 'true'} @click=${redo}>${t.redo}</button>
        <button type="button" class="plain" @click=${() => change({ dialog: 'palette' })}>${t.commands} <kbd>Ctrl K</kbd></button>
        <label class="inline">${t.theme.label}
          <select @change=${(event: Event) => setTheme((event.target as HTMLSelectElement).value as Theme)}>
            ${(['auto', 'light', 'dark'] as const).map((theme) => html`<option value=${theme}>${t.theme[theme]}</option>`)}${selectValue(state.theme)}
          </select></label>
        <button type="button" class="plain" aria-label=${t.keys} @click=${() => change({ dialog: 'keys' })}>?</button>
      </div>
    </header>
    <div class="says">
      <p aria-live="polite" class=${state.damaged ? 'error' : nothing}>${inHand()}${sentence()}</p>
      ${state.tooLarge ? html`<p class="warning" role="alert">${t.tooLarge}</p>` : nothing}
      ${digest && shortCode
        ? html`<button type="button" class="digest" title="${t.digest}: ${digest}" aria-label="${t.copyDigest} ${shortCode}"
            @click=${() => void copy(digest)}>${shortCode}</button>`
        : nothing}
    </div>`
}

/** Copies the link to what is shown now. The address itself follows only once the typing pauses. */
export async function copyLink(): Promise<void> {
  const address = await link()
  if (address === null) say(t.export.noLink, true)
  else await copy(address)
}

function skip(event: Event): void {
  event.preventDefault()
  document.getElementById('content')?.focus()
}

function showTotals(): void {
  change({ inspector: 'totals' })
  show('plan')
}

/** Where a run is looked at, the frame's own plan is said to be another thing. */
const inHand = (): TemplateResult | typeof nothing =>
  get().view === 'watch' || get().view === 'evidence' ? html`<span class="quiet">${t.watch.inHand}</span> ` : nothing

export function footer(): TemplateResult {
  const state = get()
  const { accounting, digest, estimate } = state.plan.summary
  return html`<footer class="bottom">
    <p class="sums" title=${t.totals.accounting}>${accounting ? html`${inHand()}${equation(accounting)}` : isServed() ? nothing : t.nothingLeaves}</p>
    ${estimate
      ? html`<button type="button" class="sums" title=${t.totals.help(estimate.assumedJobSeconds)} @click=${showTotals}>
          ${t.totals.calls(number(estimate.apiCalls))} · ~${length(estimate.seconds * 1000)} · ~${cost(estimate)}</button>`
      : nothing}
    <div class="exports" role="group" aria-label=${t.export.title}>
      ${canCarryOut() ? html`<button type="button" class="primary" ?disabled=${!digest} @click=${carryOut}>${t.execute.open}</button>` : nothing}
      <button type="button" class=${isServed() ? 'plain' : 'primary'} id="export-plan" ?disabled=${!digest} @click=${exportPlan}>${t.export.plan}</button>
      <button type="button" class="plain" @click=${exportRequest}>${t.export.request}</button>
      <button type="button" class="plain" title=${t.export.linkHelp} @click=${() => void copyLink()}>${t.export.link}</button>
      ${state.view === 'evidence' ? nothing : html`<button type="button" class="plain" @click=${() => print()}>${t.export.print}</button>`}
    </div>
    <output class="toast ${state.wrong ? 'error' : ''}" role="status">${state.said}</output>
  </footer>`
}

/** Requested time equals the sum of its parts. */
export function equation(a: Accounting): string {
  const parts: [number, string][] = [
    [a.chunksMs, t.totals.chunks],
    [a.heldMs, t.timeline.dispositions.held],
    [a.retainedMs, t.timeline.dispositions.retained],
    [a.tooRecentMs, t.timeline.dispositions.tooRecent],
    [a.refusedMs, t.timeline.dispositions.refused],
  ]
  const shown = parts.filter(([ms], place) => ms > 0 || place === 0)
  return `${exactLength(a.requestedMs)} ${t.totals.requested} = ${shown.map(([ms, name]) => `${exactLength(ms)} ${name}`).join(' + ')}`
}
