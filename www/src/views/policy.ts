// The policy: holds and retention rules as tables, everything else as text.
import { html, nothing, type TemplateResult } from 'lit-html'
import { live } from 'lit-html/directives/live.js'
import { recordTypes } from '../core'
import { DAY, day } from '../format'
import { dateToInstant, numberOrText, textAt, valueAt, withField, withListItem, type Fields, type Json } from '../state/document'
import { addRows, EMPTY, list, policyFields } from '../state/policy'
import type { Kind } from '../state/rows'
import { afterPaint, change, edit, get } from '../state/store'
import { t } from '../texts/page'
import { droppedFile } from './files'
import { findingsAt, messages, pointerId } from './findings'
import { addOrShowRows } from './later'
import { openPolicy, takePolicy } from './opening'
import { firstClickOnly } from './firstClickOnly'

/** More rows than this can be edited as text only. */
const MOST = 100

type Path = readonly (string | number)[]

function set(path: Path, value: Json | undefined): void {
  edit({ policy: withField(get().documents.policy ?? EMPTY, path, value) })
}

const value = (event: Event): string => (event.target as HTMLInputElement).value

/** How a cell is read while it is being typed, and once it is done. */
interface Reading {
  typed: (text: string) => Json | undefined
  done?: (text: string) => string
}

const TEXT: Reading = { typed: (text) => text }
const OPTIONAL: Reading = { typed: (text) => (text === '' ? undefined : text) }
const WHOLE: Reading = { typed: numberOrText }
const DATE: Reading = { typed: (text) => text, done: dateToInstant }

function cell(policy: Fields, path: Path, label: string, { typed, done }: Reading): TemplateResult {
  const pointer = `policy#/${path.join('/')}`
  const invalid = findingsAt(pointer).some((f) => f.severity === 'error')
  return html`<input id=${pointerId(pointer)} type="text" dir="auto" aria-label=${label} autocomplete="off" spellcheck="false"
    aria-invalid=${invalid} aria-describedby=${invalid ? findingsId(path) : nothing} .value=${live(textAt(policy, path))}
    @input=${(event: Event) => set(path, typed(value(event)))}
    @change=${(event: Event) => set(path, typed(done ? done(value(event)) : value(event).trim()))} />`
}

/** The id of a row's findings. They stand below the row, for all its cells. */
const findingsId = ([kind, place]: Path): string => `${pointerId(`policy#/${kind}/${place}`)}-said`

function findingTexts(path: Path): TemplateResult {
  return html`<div id=${findingsId(path)}>${messages(findingsAt(`policy#/${path.join('/')}`))}</div>`
}

/** The number of fields that the table does not show, so that they are not overlooked. */
function moreFields(row: Json | undefined, shown: readonly string[]): TemplateResult | typeof nothing {
  const rest = row && typeof row === 'object' && !Array.isArray(row) ? Object.keys(row).filter((name) => !shown.includes(name)) : []
  return rest.length > 0 ? html`<small title=${rest.join(', ')}>${t.policy.rest(rest.length)}</small>` : nothing
}

/** The last day that a hold keeps. Somebody who wrote that day as its end may have meant to include it. */
function lastDay(policy: Fields, path: Path): TemplateResult | typeof nothing {
  const [start, end] = [Date.parse(textAt(policy, [...path, 'range', 'start'])), Date.parse(textAt(policy, [...path, 'range', 'end']))]
  if (!(start < end) || end % DAY !== 0) return nothing
  return html`<small>${t.policy.lastDay(day(end - DAY))}</small>`
}

/** Removes a row. The focus moves to the row that takes its place, or else to the last one, or to the button that adds one. */
function remove(path: Path): void {
  const [kind, place] = path
  set(path, undefined)
  afterPaint(() => {
    const rows = document.querySelectorAll<HTMLElement>(`[data-kind=${kind}] > li`)
    const next = rows[Math.min(Number(place), rows.length - 1)]?.querySelector<HTMLElement>('.grid button')
    ;(next ?? document.getElementById(`add-${kind}`))?.focus()
  })
}

function hold(policy: Fields, place: number): TemplateResult {
  const path: Path = ['holds', place]
  const name = textAt(policy, [...path, 'id']) || `${t.policy.holdId} ${place + 1}`
  return html`<li id=${pointerId(`policy#/holds/${place}`)} tabindex="-1">
    <div class="grid holds">
      ${cell(policy, [...path, 'id'], t.policy.nth(t.policy.holdId, place + 1), TEXT)}
      ${cell(policy, [...path, 'matter'], `${name}: ${t.policy.matter}`, OPTIONAL)}
      <button type="button" class="plain" aria-label=${t.policy.removeRow(name)} @click=${firstClickOnly(() => remove(path))}>✕</button>
      ${cell(policy, [...path, 'range', 'start'], `${name}: ${t.policy.from}`, DATE)}
      ${cell(policy, [...path, 'range', 'end'], `${name}: ${t.policy.to}`, DATE)}
    </div>
    ${lastDay(policy, path)} ${moreFields(valueAt(policy, path), ['id', 'range', 'matter'])} ${findingTexts(path)}
  </li>`
}

function rule(policy: Fields, place: number): TemplateResult {
  const path: Path = ['retention', place]
  const chosen = valueAt(policy, [...path, 'recordTypes'])
  const kinds = Array.isArray(chosen) ? chosen : []
  const name = t.policy.nth(t.policy.rule, place + 1)
  const toggle = (kind: string, on: boolean): void =>
    edit({ policy: withListItem(get().documents.policy ?? EMPTY, [...path, 'recordTypes'], kind, on) })
  return html`<li id=${pointerId(`policy#/retention/${place}`)} tabindex="-1">
    <div class="grid rules">
      ${cell(policy, [...path, 'minAgeDays'], `${name}: ${t.policy.days}`, WHOLE)}
      ${cell(policy, [...path, 'basis'], `${name}: ${t.policy.basis}`, TEXT)}
      ${cell(policy, [...path, 'jurisdiction'], `${name}: ${t.policy.region}`, OPTIONAL)}
      <button type="button" class="plain" aria-label=${t.policy.removeRow(name)} @click=${firstClickOnly(() => remove(path))}>✕</button>
    </div>
    <div class="choices" role="group" aria-label=${`${name}: ${t.policy.kept}`}>
      ${recordTypes().map((kind) => html`<label class="choice"><input type="checkbox" .checked=${live(kinds.includes(kind))}
        @change=${(event: Event) => toggle(kind, (event.target as HTMLInputElement).checked)} />
        ${t.sentence.records[kind] ?? kind}</label>`)}
    </div>
    ${moreFields(valueAt(policy, path), ['recordTypes', 'minAgeDays', 'basis', 'jurisdiction'])} ${findingTexts(path)}
  </li>`
}

/** The rows of one kind below the names of their cells; or a message that there are none, or too many to edit here. */
function rows(kind: Kind, count: number, columns: readonly string[], none: string, row: (place: number) => TemplateResult): TemplateResult {
  if (count === 0) return html`<p class="empty">${none}</p>`
  if (count > MOST) return html`<p class="empty">${t.policy.tooLarge(count)}</p>`
  return html`<div class="grid ${kind === 'holds' ? 'holds' : 'rules'} head" aria-hidden="true">${columns.map((name) => html`<span>${name}</span>`)}</div>
    <ul data-kind=${kind} @paste=${takePasted}>${Array.from({ length: count }, (_, place) => row(place))}</ul>`
}

function tables(policy: Fields): TemplateResult {
  const holds = list(policy, 'holds')
  const rules = list(policy, 'retention')
  return html`
    <h3 id=${pointerId('policy#/holds')} tabindex="-1">${t.policy.holds} (${holds.length})</h3>
    ${rows('holds', holds.length, [t.policy.holdId, t.policy.matter, '', t.policy.from, t.policy.to], t.policy.noHolds, (place) => hold(policy, place))}
    <p class="group"><button type="button" class="plain" id="add-holds" @click=${addHold}>${t.policy.addHold}</button>
      <button type="button" class="plain" @click=${() => change({ dialog: 'holds' })}>${t.policy.paste}</button></p>
    <h3 id=${pointerId('policy#/retention')} tabindex="-1">${t.policy.retention} (${rules.length})</h3>
    ${rows('retention', rules.length, [t.policy.days, t.policy.basis, t.policy.region, ''], t.policy.noRetention, (place) => rule(policy, place))}
    <p class="group"><button type="button" class="plain" id="add-retention" @click=${addRule}>${t.policy.addRule}</button>
      <button type="button" class="plain" @click=${() => change({ dialog: 'retention' })}>${t.policy.paste}</button></p>
  `
}

/** Adds a hold on the middle day of the range, where it shows at once. The user then enters the days that are meant. */
function addHold(): void {
  const { plan } = get()
  const first = plan.starts[0] ?? Date.UTC(2023, 0, 1)
  const last = plan.ends[plan.ends.length - 1] ?? first + DAY
  const start = new Date(Math.floor((first + last) / 2 / DAY) * DAY)
  const end = new Date(start.getTime() + DAY)
  const id = `hold-${list(policyFields() ?? {}, 'holds').length + 1}`
  addRows({ kind: 'holds', rows: [{ id, range: { start: start.toISOString(), end: end.toISOString() } }] })
}

function addRule(): void {
  addRows({ kind: 'retention', rows: [{ recordTypes: ['conversation'], minAgeDays: 365, basis: '' }] })
}

/** Text with several rows or columns, pasted into a cell, is read as rows of a spreadsheet. */
function takePasted(event: ClipboardEvent): void {
  const text = event.clipboardData?.getData('text/plain') ?? ''
  const inTable = (event.target as Element).closest('ul')
  if (!inTable || !/[\t\n]/.test(text.trim())) return
  event.preventDefault()
  addOrShowRows(text, (inTable.dataset['kind'] ?? 'holds') as Kind)
}

/** Starts or removes the policy. The pressed button disappears, so the focus moves to another. */
function replace(text: string | null, focus: string): void {
  edit({ policy: text })
  afterPaint(() => document.getElementById(focus)?.focus())
}

export function policy(): TemplateResult {
  const { documents, policyAsText } = get()
  const text = documents.policy
  const parsed = text === null ? null : policyFields()
  const asText = text !== null && (policyAsText || parsed === null)
  return html`<section class="policy" aria-labelledby="policy-title" @dragover=${(event: Event) => event.preventDefault()}
    @drop=${(event: DragEvent) => droppedFile(event, takePolicy)}>
    <header class="bar">
      <h2 id="policy-title">${t.policy.title}</h2>
      ${text === null
        ? html`<button type="button" class="plain" id="write-policy" @click=${() => replace(EMPTY, 'add-holds')}>${t.policy.add}</button>`
        : html`<button type="button" class="plain" ?disabled=${parsed === null}
              @click=${() => change({ policyAsText: !policyAsText })}>${asText ? t.form.asForm : t.form.asText}</button>
            <button type="button" class="plain" @click=${() => replace(null, 'write-policy')}>${t.policy.remove}</button>`}
      <button type="button" class="plain" @click=${openPolicy}>${t.policy.import}</button>
    </header>
    ${text === null
      ? html`<p class="empty">${t.policy.none} ${t.policy.drop}</p>`
      : asText || parsed === null
        ? html`<textarea id=${pointerId('policy#')} class="source" aria-label=${t.policy.text} spellcheck="false"
            .value=${live(text)} @input=${(event: Event) => edit({ policy: value(event) })}></textarea>`
        : tables(parsed)}
  </section>`
}
