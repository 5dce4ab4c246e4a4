// Two plans side by side: the pinned one and the current one. What is deleted now and was kept before comes first.
import { html, nothing, type TemplateResult } from 'lit-html'
import { ref } from 'lit-html/directives/ref.js'
import type { Plan } from '../core'
import { drawBand } from '../draw/band'
import { prepareSurface } from '../draw/surface'
import { exactLength, instant, length, number } from '../format'
import { changes, deletedOnlyBy, type Change } from '../state/changes'
import { parseFields, textAt, valueAt, type Documents, type Json } from '../state/document'
import { rangeOf } from '../state/parts'
import { get, pin, show, unpin } from '../state/store'
import { t } from '../texts/compare'
import { DISPOSITIONS, type Summary } from '../types'
import { cost } from './totals'
import '../style/compare.css'

const SHOWN = 200
/** The most members that the verdict names, and that the table lists. */
const NAMED = 5
const LISTED = 50
/** The most windows that the verdict names. */
const WINDOWS = 3
/** The members that change nothing of what is deleted in the same time, or of which the verdict itself says what they change. */
const SAID = ['version', 'name', 'reason', 'requestedBy', 'range', 'chunking', 'recordTypes', 'query']
/** Longer values are cut. */
const SHORT = 80

interface Difference {
  mark: '+' | '−'
  from: number
  to: number
  kind: number
}

/** The parts that only one of the two plans has. Both lists are in order, so one pass finds them. */
export function differences(before: Plan, after: Plan): { list: Difference[]; added: number; removed: number; same: number } {
  const list: Difference[] = []
  let [i, j, added, removed, same] = [0, 0, 0, 0, 0]
  const take = (plan: Plan, at: number, mark: '+' | '−'): void => {
    if (list.length < SHOWN) {
      list.push({ mark, from: plan.starts[at] ?? 0, to: plan.ends[at] ?? 0, kind: plan.dispositions[at] ?? 0 })
    }
  }
  while (i < before.starts.length || j < after.starts.length) {
    const [a, b] = [before.starts[i] ?? Infinity, after.starts[j] ?? Infinity]
    if (a === b && before.ends[i] === after.ends[j] && before.dispositions[i] === after.dispositions[j]) {
      same += 1
      i += 1
      j += 1
    } else if (a <= b) {
      take(before, i, '−')
      removed += 1
      i += 1
    } else {
      take(after, j, '+')
      added += 1
      j += 1
    }
  }
  return { list, added, removed, same }
}

interface Side {
  documents: Documents
  plan: Plan
}

/** What one of the two deletes and the other does not: time, then record types, then what its query leaves out. */
function deletedOnly(one: Side, other: Side): string {
  const windows = deletedOnlyBy(one.plan, other.plan)
  const named = windows.slice(0, WINDOWS).map(([from, to]) => `${instant(from)} – ${instant(to)}`)
  const total = exactLength(windows.reduce((sum, [from, to]) => sum + to - from, 0))
  const time = windows.length === 0 ? [] : [t.compare.time(total, named, windows.length > WINDOWS ? number(windows.length - WINDOWS) : null)]
  const [own, others] = [one, other].map(({ documents }) => parseFields(documents.request) ?? {})
  const [has, had] = [own, others].map((request) => valueAt(request, ['recordTypes']))
  const kinds = Array.isArray(has) && Array.isArray(had) ? has.filter((kind) => !had.includes(kind)).map(String) : []
  const query = textAt(others, ['query'])
  const unmatched = query === '' || query === textAt(own, ['query']) ? [] : [t.compare.unmatched(shortValue(query))]
  return [...time, ...kinds.map((kind) => t.sentence.records[kind] ?? kind), ...unmatched].join('; ')
}

function measures(summary: Summary): string[] {
  const { accounting: a, estimate: e } = summary
  const ms = (value: number | undefined): string => (value === undefined ? '–' : length(value))
  return [
    summary.shortCode ?? t.compare.noPlan,
    summary.digest === null ? '–' : number(summary.chunks),
    ms(a?.requestedMs),
    ms(a?.chunksMs),
    ms(a?.heldMs),
    ms(a?.retainedMs),
    ms(a?.tooRecentMs),
    ms(a?.refusedMs),
    e ? `~${number(e.apiCalls)}` : '–',
    e ? `~${length(e.seconds * 1000)}` : '–',
    e ? `~${number(e.messages)}` : '–',
    e ? `~${cost(e)}` : '–',
  ]
}

/** A value, shortened. */
function shortValue(value: Json | undefined): string {
  if (value === undefined || value === null || value === '') return t.compare.none
  if (Array.isArray(value)) {
    const text = value.map((item) => (typeof item === 'object' ? JSON.stringify(item) : String(item))).join(', ')
    return text.length > SHORT ? t.compare.entries(number(value.length)) : text
  }
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text.length > SHORT ? `${text.slice(0, SHORT)}…` : text
}

/** The members in which the two plans differ. */
function memberTable(list: readonly Change[]): TemplateResult | typeof nothing {
  if (list.length === 0) return nothing
  const rest = list.length - LISTED
  return html`<table class="members">
      <thead><tr><th scope="col">${t.compare.what}</th><th scope="col">${t.compare.before}</th><th scope="col">${t.compare.after}</th></tr></thead>
      <tbody>${list.slice(0, LISTED).map(({ inPolicy, path, before, after }) => html`<tr class="changed"><th scope="row">${t.findings.where(inPolicy, path.join(', '))}</th>
        <td>${shortValue(before)}</td><td>${shortValue(after)}</td></tr>`)}</tbody>
    </table>
    ${rest > 0 ? html`<p class="quiet">${t.more(number(rest))}</p>` : nothing}`
}

/**
 * Whether the plans are the same and, if not, in what they differ. What is deleted now and was kept before comes first: it is what
 * a person who approves must not overlook.
 */
function verdict(baseline: Side, current: Side, windows: string, list: readonly Change[]): TemplateResult {
  const [pinned, now] = [baseline.plan.summary.digest, current.plan.summary.digest]
  if (pinned === null || now === null) return html`<p>${t.compare.noPlans(pinned === null, now === null)}</p>`
  if (pinned === now) return html`<p>${t.compare.same}</p>`
  const deleted = deletedOnly(current, baseline)
  const names = [...new Set(list.map(({ path }) => path[0] ?? t.policy.title))]
  const differ = names.length === 0 ? '' : t.compare.differ(names.slice(0, NAMED), names.length > NAMED ? number(names.length - NAMED) : null)
  const within = names.filter((name) => !SAID.includes(name))
  return html`<p class=${deleted === '' ? '' : 'error'}>${t.compare.deleted(deleted || t.compare.noWindow)}</p>
    <p>${t.compare.kept(deletedOnly(baseline, current) || t.compare.noWindow)}</p>
    ${within.length === 0 ? nothing : html`<p class="warning">${t.compare.within(within.join(', '))}</p>`}
    <p class="quiet">${windows} ${differ}</p>`
}

const canvases = new Map<'before' | 'after', HTMLCanvasElement>()
const canvasAt = (which: 'before' | 'after') => (element: Element | undefined): void => {
  if (element) canvases.set(which, element as HTMLCanvasElement)
  else canvases.delete(which)
}
const [beforeAt, afterAt] = [canvasAt('before'), canvasAt('after')]

/** Draws both plans over the same time, one above the other. */
export function drawCompare(): void {
  const { baseline, plan } = get()
  if (!baseline) return
  const both = [baseline.plan, plan].filter((one) => one.starts.length > 0)
  const from = Math.min(...both.map((one) => rangeOf(one)[0]))
  const to = Math.max(...both.map((one) => rangeOf(one)[1]))
  for (const [which, one] of [['before', baseline.plan], ['after', plan]] as const) {
    const canvas = canvases.get(which)
    const drawing = canvas ? prepareSurface(canvas) : null
    if (drawing && one.starts.length > 0) drawBand(drawing, { plan: one, from, to, selected: null, buckets: [] })
  }
}

export function compareView(): TemplateResult {
  const { baseline, plan, documents } = get()
  if (!baseline) {
    return html`<section class="compare page"><h2>${t.compare.title}</h2><p>${t.compare.empty}</p>
      <ol class="teach">${t.compare.teach.map((text, at) => html`<li class=${['chunk', 'held', 'kept'][at] ?? ''}>${text}</li>`)}</ol>
      <button type="button" class="primary" @click=${pin}>${t.compare.pin}</button></section>`
  }
  const { list, added, removed, same } = differences(baseline.plan, plan)
  const changed = baseline.plan.summary.digest === plan.summary.digest ? [] : changes(baseline.documents, documents)
  const before = measures(baseline.plan.summary)
  const after = measures(plan.summary)
  const total = added + removed
  return html`<section class="compare page" aria-labelledby="compare-title">
    <header class="bar"><h2 id="compare-title">${t.compare.title}</h2>
      <button type="button" class="plain" @click=${pin}>${t.compare.repin}</button>
      <button type="button" class="plain" @click=${unpin}>${t.compare.unpin}</button>
      <button type="button" class="plain" @click=${() => show('plan')}>${t.compare.form}</button></header>
    <div class="verdict" role="status">${verdict(baseline, { documents, plan }, t.compare.counts(number(added), number(removed), number(same)), changed)}</div>
    ${memberTable(changed)}
    <div class="bands">${([['before', beforeAt], ['after', afterAt]] as const).map(([which, at]) => html`<span>${t.compare[which]}</span>
      <canvas role="img" aria-label=${t.compare.band(t.compare[which])} ${ref(at)}></canvas>`)}</div>
    <table>
      <thead><tr><th scope="col">${t.compare.measure}</th><th scope="col">${t.compare.before}</th><th scope="col">${t.compare.after}</th></tr></thead>
      <tbody>${Object.values(t.compare.measures).map((name, place) => html`<tr class=${before[place] === after[place] ? '' : 'changed'}>
        <th scope="row">${name}</th><td>${before[place]}</td><td>${after[place]}</td></tr>`)}</tbody>
    </table>
    ${total === 0 ? nothing : html`<table>
      <thead><tr><th scope="col">${t.compare.change}</th><th scope="col">${t.compare.window}</th><th scope="col">${t.compare.state}</th></tr></thead>
      <tbody>${list.map((d) => html`<tr class=${d.mark === '+' ? 'added' : 'removed'}>
        <td>${d.mark} ${d.mark === '+' ? t.compare.added : t.compare.removed}</td><td>${instant(d.from)} – ${instant(d.to)}</td>
        <td>${t.timeline.dispositions[DISPOSITIONS[d.kind] ?? 'chunk']}</td></tr>`)}</tbody>
    </table>`}
    ${total > list.length ? html`<p class="quiet">${t.more(number(total - list.length))}</p>` : nothing}
  </section>`
}
