// The policy: holds and retention rules as tables, everything else as text.
import { html, nothing, type TemplateResult } from 'lit-html'
import { live } from 'lit-html/directives/live.js'
import { recordTypes } from '../core'
import { at, change as changed, instant, number, textAt, type Fields, type Json } from '../state/document'
import { EMPTY, list, policyFields } from '../state/policy'
import type { Kind } from '../state/rows'
import { afterPaint, change, edit, get } from '../state/store'
import { t } from '../texts'
import { droppedFile, openText } from './files'
import { findingsAt, pointerId } from './findings'
import { offer } from './paste'
import { ticked } from './ticked'

/** More rows than this are edited as text. */
const MOST = 100

type Path = readonly (string | number)[]

function set(path: Path, value: Json | undefined): void {
  edit({ policy: changed(get().documents.policy ?? EMPTY, path, value) })
}

const value = (event: Event): string => (event.target as HTMLInputElement).value

function cell(policy: Fields, path: Path, label: string, read: (text: string) => Json | undefined = (text) => text): TemplateResult {
  const pointer = `policy#/${path.join('/')}`
  const invalid = findingsAt(pointer).some((f) => f.severity === 'error')
  return html`<input id=${pointerId(pointer)} type="text" dir="auto" aria-label=${label} autocomplete="off" spellcheck="false"
    aria-invalid=${invalid} .value=${live(textAt(policy, path))} @input=${(event: Event) => set(path, read(value(event)))}
    @change=${(event: Event) => set(path, read(instant(value(event))))} />`
}

function said(pointer: string): TemplateResult {
  return html`${findingsAt(pointer).map((f) => html`<p class=${f.severity}>${ticked(f.message)}</p>`)}`
}

/** Takes a row out; the focus goes to the one that takes its place, or else to the last, or to adding one. */
function remove(path: Path): void {
  const [kind, place] = path
  set(path, undefined)
  afterPaint(() => {
    const rows = document.querySelectorAll<HTMLElement>(`[data-kind=${kind}] > li`)
    const next = rows[Math.min(Number(place), rows.length - 1)]?.querySelector<HTMLElement>('.grid button')
    ;(next ?? document.getElementById(`add-${kind}`))?.focus()
  })
}

const optional = (text: string): Json | undefined => (text === '' ? undefined : text)

function hold(policy: Fields, place: number): TemplateResult {
  const path: Path = ['holds', place]
  const own = at(policy, path)
  const shown = ['id', 'range', 'matter']
  const rest = own && typeof own === 'object' && !Array.isArray(own) ? Object.keys(own).filter((k) => !shown.includes(k)) : []
  const name = textAt(policy, [...path, 'id']) || `${t.policy.holdId} ${place + 1}`
  return html`<li id=${pointerId(`policy#/holds/${place}`)} tabindex="-1">
    <div class="grid holds">
      ${cell(policy, [...path, 'id'], t.policy.holdId)}
      ${cell(policy, [...path, 'range', 'start'], `${name}: ${t.policy.from}`)}
      ${cell(policy, [...path, 'range', 'end'], `${name}: ${t.policy.to}`)}
      ${cell(policy, [...path, 'matter'], `${name}: ${t.policy.matter}`, optional)}
      <button type="button" class="plain" aria-label=${t.policy.removeRow(name)} @click=${() => remove(path)}>✕</button>
    </div>
    ${rest.length > 0 ? html`<small title=${rest.join(', ')}>${t.policy.rest(rest.length)}</small>` : nothing}
    ${said(`policy#/holds/${place}`)}
  </li>`
}

function rule(policy: Fields, place: number): TemplateResult {
  const path: Path = ['retention', place]
  const chosen = at(policy, [...path, 'recordTypes'])
  const kinds = Array.isArray(chosen) ? chosen : []
  const name = `${t.policy.retention} ${place + 1}`
  const toggle = (kind: string, on: boolean): void =>
    set([...path, 'recordTypes'], on ? [...kinds, kind] : kinds.filter((other) => other !== kind))
  return html`<li id=${pointerId(`policy#/retention/${place}`)} tabindex="-1">
    <div class="grid rules">
      ${cell(policy, [...path, 'minAgeDays'], `${name}: ${t.policy.days}`, number)}
      ${cell(policy, [...path, 'basis'], `${name}: ${t.policy.basis}`)}
      <button type="button" class="plain" aria-label=${t.policy.removeRow(name)} @click=${() => remove(path)}>✕</button>
    </div>
    <div class="choices">
      ${recordTypes().map((kind) => html`<label class="choice"><input type="checkbox" .checked=${live(kinds.includes(kind))}
        @change=${(event: Event) => toggle(kind, (event.target as HTMLInputElement).checked)} />
        ${t.sentence.records[kind] ?? kind}</label>`)}
    </div>
    ${said(`policy#/retention/${place}`)}
  </li>`
}

function tables(policy: Fields): TemplateResult {
  const holds = list(policy, 'holds')
  const rules = list(policy, 'retention')
  return html`
    <h3 id=${pointerId('policy#/holds')} tabindex="-1">${t.policy.holds} (${holds.length})</h3>
    ${holds.length > MOST
      ? html`<p class="empty">${t.policy.tooLarge(holds.length)}</p>`
      : html`${holds.length > 0
            ? html`<div class="grid holds head" aria-hidden="true"><span>${t.policy.holdId}</span><span>${t.policy.from}</span
                ><span>${t.policy.to}</span><span>${t.policy.matter}</span><span></span></div>`
            : html`<p class="empty">${t.policy.noHolds}</p>`}
          <ul data-kind="holds" @paste=${pasted}>${holds.map((_, place) => hold(policy, place))}</ul>`}
    <p class="group"><button type="button" class="plain" id="add-holds" @click=${() => addHold(holds)}>${t.policy.addHold}</button>
      <button type="button" class="plain" @click=${() => change({ dialog: 'holds' })}>${t.policy.paste}</button></p>
    <h3 id=${pointerId('policy#/retention')} tabindex="-1">${t.policy.retention} (${rules.length})</h3>
    ${rules.length === 0 ? html`<p class="empty">${t.policy.noRetention}</p>` : nothing}
    <ul data-kind="retention" @paste=${pasted}>${rules.slice(0, MOST).map((_, place) => rule(policy, place))}</ul>
    <p class="group"><button type="button" class="plain" id="add-retention" @click=${() => addRule(rules)}>${t.policy.addRule}</button>
      <button type="button" class="plain" @click=${() => change({ dialog: 'retention' })}>${t.policy.paste}</button></p>
  `
}

/** A new hold takes the middle day of the range, so that it shows at once; whoever adds it says which days are meant. */
function addHold(holds: Json[]): void {
  const { plan } = get()
  const first = plan.starts[0] ?? Date.UTC(2023, 0, 1)
  const last = plan.ends[plan.ends.length - 1] ?? first + 86_400_000
  const start = new Date(Math.floor((first + last) / 2 / 86_400_000) * 86_400_000)
  const end = new Date(start.getTime() + 86_400_000)
  const id = `hold-${holds.length + 1}`
  set(['holds'], [...holds, { id, range: { start: start.toISOString(), end: end.toISOString() } }])
}

function addRule(rules: Json[]): void {
  set(['retention'], [...rules, { recordTypes: ['conversation'], minAgeDays: 365, basis: '' }])
}

/** Several rows or columns pasted into a cell are rows of a spreadsheet. */
function pasted(event: ClipboardEvent): void {
  const text = event.clipboardData?.getData('text/plain') ?? ''
  const inTable = (event.target as Element).closest('ul')
  if (!inTable || !/[\t\n]/.test(text.trim())) return
  event.preventDefault()
  offer(text, (inTable.dataset['kind'] ?? 'holds') as Kind)
}

/** A dropped file is a policy, or rows for one. */
function taken(name: string, text: string): void {
  if (/\.(csv|tsv|txt)$/i.test(name)) offer(text, 'holds')
  else edit({ policy: text })
}

/** Begins or ends the policy; the button that did it is gone then, so another one has the focus. */
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
    @drop=${(event: DragEvent) => droppedFile(event, taken)}>
    <header class="bar">
      <h2 id="policy-title">${t.policy.title}</h2>
      ${text === null
        ? html`<button type="button" class="plain" id="write-policy" @click=${() => replace(EMPTY, 'add-holds')}>${t.policy.add}</button>`
        : html`<button type="button" class="plain" ?disabled=${parsed === null}
              @click=${() => change({ policyAsText: !policyAsText })}>${asText ? t.form.asForm : t.form.asText}</button>
            <button type="button" class="plain" @click=${() => replace(null, 'write-policy')}>${t.policy.remove}</button>`}
      <button type="button" class="plain" @click=${() => openText('.json,.csv,.tsv,.txt', taken)}>${t.policy.import}</button>
    </header>
    ${text === null
      ? html`<p class="empty">${t.policy.none} ${t.policy.drop}</p>`
      : asText || parsed === null
        ? html`<textarea id=${pointerId('policy#')} class="source" aria-label=${t.policy.text} spellcheck="false"
            .value=${live(text)} @input=${(event: Event) => edit({ policy: value(event) })}></textarea>`
        : tables(parsed)}
  </section>`
}
