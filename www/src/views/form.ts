// The request, field by field or as text. Every keystroke makes a new plan; findings are shown at their fields.
import { html, nothing, type TemplateResult } from 'lit-html'
import { live } from 'lit-html/directives/live.js'
import { recordTypes, regions } from '../core'
import { examples } from '../examples'
import { localTime, zone } from '../format'
import { dateToInstant, isUnreadable, numberOrText, parseFields, textAt, valueAt, withField, withListItem, type Fields, type Json } from '../state/document'
import { change, edit, get } from '../state/store'
import { t } from '../texts/page'
import { findingsAt, messages, pointerId } from './findings'
import { hint } from './hint'
import { selectValue } from './selectValue'
import { droppedFile } from './files'
import { openRequest, takeRequest } from './opening'

type Path = readonly (string | number)[]

function set(path: Path, value: Json | undefined): void {
  edit({ request: withField(get().documents.request, path, value) })
}

const pointer = (path: Path): string => `#/${path.join('/')}`

/** What a field is for: a title on its label for the mouse, a hint for everybody else. */
interface Tip {
  text: string | undefined
  /** The ids of what describes the control. */
  describes: string
  hint: TemplateResult | typeof nothing
}

function tipOf(id: string, name: string): Tip {
  const text = t.form.tips[name]
  return text === undefined
    ? { text, describes: `${id}-said`, hint: nothing }
    : { text, describes: `${id}-said ${id}-help`, hint: hint(`${id}-help`, text) }
}

/** A field with its label, its help and its findings. */
function field(path: Path, label: string, control: (id: string, describes: string, invalid: boolean) => unknown, help?: unknown): TemplateResult {
  const id = pointerId(pointer(path))
  // The request has a reason of its own, with another hint.
  const tip = tipOf(id, path[0] === 'retentionOverride' ? path.join('.') : String(path.at(-1)))
  const found = findingsAt(pointer(path))
  const stops = found.some((finding) => finding.severity === 'error' || finding.severity === 'blocked')
  return html`<div class="field">
    <label for=${id} title=${tip.text ?? nothing}>${label}</label>
    ${control(id, tip.describes, stops)} ${tip.hint} ${help ? html`<small>${help}</small>` : nothing}
    <div id="${id}-said" class="said">${messages(found)}</div>
  </div>`
}

const value = (event: Event): string => (event.target as HTMLInputElement).value

function textField(request: Fields, path: Path, label: string, help?: unknown, empty: Json | undefined = ''): TemplateResult {
  return field(path, label, (id, describes, invalid) => html`<input
      id=${id} type="text" dir="auto" autocomplete="off" spellcheck="false" aria-describedby=${describes} aria-invalid=${invalid}
      .value=${live(textAt(request, path))}
      @input=${(event: Event) => set(path, value(event) === '' ? empty : value(event))}
    />`, help)
}

function timeField(request: Fields, path: Path, label: string): TemplateResult {
  const text = textAt(request, path)
  const here = localTime(text)
  return field(path, label, (id, describes, invalid) => html`<input
      id=${id} type="text" class="time" autocomplete="off" spellcheck="false" aria-describedby=${describes}
      aria-invalid=${invalid} .value=${live(text)} @input=${(event: Event) => set(path, value(event))}
      @change=${(event: Event) => set(path, dateToInstant(value(event)))}
    />`, here ? t.form.here(here, zone) : nothing)
}

function apiField(request: Fields): TemplateResult {
  const own = textAt(request, ['api'])
  return html`<fieldset id=${pointerId('#/api')} tabindex="-1">
    <legend>${t.form.api}</legend>
    ${(['dataDeletion', 'recordingJobs'] as const).map((api) => html`<span class="hinted"><label class="choice" title=${t.form.apiHelp[api]}>
        <input type="radio" name="api" value=${api} aria-describedby="api-${api}-help" .checked=${live(own === api)} @change=${() => choose(api)} />
        ${t.form.apis[api]}
      </label>${hint(`api-${api}-help`, t.form.apiHelp[api])}</span>`)}
    ${findingTexts('#/api')}
  </fieldset>`
}

/** The options of recordings mean nothing to the other API, so they are removed with the change. Undo brings them back. */
function choose(api: string): void {
  let text = withField(get().documents.request, ['api'], api)
  if (api === 'dataDeletion') text = withField(text, ['recordings'], undefined)
  edit({ request: text })
}

function findingTexts(where: string): TemplateResult {
  return html`<div class="said">${messages(findingsAt(where))}</div>`
}

function recordTypeField(request: Fields): TemplateResult {
  const list = valueAt(request, ['recordTypes'])
  const own = Array.isArray(list) ? list : []
  const toggle = (kind: string, on: boolean): void => edit({ request: withListItem(get().documents.request, ['recordTypes'], kind, on) })
  return html`<fieldset id=${pointerId('#/recordTypes')} tabindex="-1">
    <legend>${t.form.recordTypes}</legend>
    <div class="choices">
      ${recordTypes().map((kind) => html`<label class="choice">
        <input type="checkbox" .checked=${live(own.includes(kind))}
          @change=${(event: Event) => toggle(kind, (event.target as HTMLInputElement).checked)} />
        ${t.sentence.records[kind] ?? kind}
      </label>`)}
    </div>
    ${findingTexts('#/recordTypes')}
  </fieldset>`
}

const unitOf = (request: Fields): 'days' | 'hours' => (valueAt(request, ['chunking', 'hours']) === undefined ? 'days' : 'hours')
const lengthOf = (request: Fields): string => textAt(request, ['chunking', unitOf(request)])
/** The request as it is now. What was painted last may lack the latest edit. */
const currentRequest = (): Fields => parseFields(get().documents.request) ?? {}

function chunkingField(request: Fields): TemplateResult {
  const unit = unitOf(request)
  const length = lengthOf(request)
  const id = pointerId('#/chunking')
  const tip = tipOf(id, 'chunking')
  return html`<div class="field">
    <div class="pair">
      <div>
        <label for=${id} title=${tip.text ?? nothing}>${t.form.chunking}</label>
        <input id=${id} type="text" inputmode="numeric" .value=${live(length)} aria-describedby=${tip.describes}
          @input=${(event: Event) => set(['chunking'], { [unitOf(currentRequest())]: numberOrText(value(event)) })} />
      </div>
      <div>
        <label for="chunk-unit">${t.form.unit}</label>
        <select id="chunk-unit"
          @change=${(event: Event) => set(['chunking'], { [value(event)]: numberOrText(lengthOf(currentRequest())) })}>
          <option value="days">${t.form.days}</option>
          <option value="hours">${t.form.hours}</option>${selectValue(unit)}
        </select>
      </div>
    </div>${tip.hint}
    <div id="${id}-said">${findingTexts('#/chunking')}</div>
  </div>`
}

function jurisdictionField(request: Fields): TemplateResult {
  const own = textAt(request, ['jurisdiction'])
  const known = regions()
  return field(['jurisdiction'], t.form.jurisdiction, (id, describes, invalid) => html`<select id=${id} aria-invalid=${invalid}
      aria-describedby=${describes} @change=${(event: Event) => set(['jurisdiction'], value(event) || undefined)}>
      <option value="">${t.form.choose}</option>
      ${own !== '' && !known.includes(own) ? html`<option value=${own}>${own}</option>` : nothing}
      ${known.map((name) => html`<option value=${name}>${name}</option>`)}${selectValue(own)}
    </select>`)
}

function recordingFields(request: Fields): TemplateResult | typeof nothing {
  if (textAt(request, ['api']) !== 'recordingJobs') return nothing
  const flag = (name: 'includeSensitiveData' | 'includePolicyBased' | 'includeSnippets'): TemplateResult => {
    const on = valueAt(request, ['recordings', name]) !== false
    return html`<label class="choice"><input type="checkbox" .checked=${live(on)}
      @change=${(event: Event) => set(['recordings', name], (event.target as HTMLInputElement).checked)} />
      ${t.form[name]}</label>`
  }
  const id = pointerId('#/recordings/coolOffDays')
  const tip = tipOf(id, 'coolOffDays')
  return html`<fieldset id=${pointerId('#/recordings')} tabindex="-1">
    <legend>${t.form.recordings}</legend>
    ${flag('includeSensitiveData')} ${flag('includePolicyBased')} ${flag('includeSnippets')}
    <div class="field"><label for=${id} title=${tip.text ?? nothing}>${t.form.coolOffDays}</label>
      <input id=${id} type="text" inputmode="numeric" aria-describedby=${tip.describes} placeholder="0" .value=${live(textAt(request, ['recordings', 'coolOffDays']))}
        @input=${(event: Event) => set(['recordings', 'coolOffDays'], value(event).trim() === '' ? undefined : numberOrText(value(event)))} />${tip.hint}</div>
    <div id="${id}-said">${findingTexts('#/recordings')}</div>
  </fieldset>`
}

function overrideFields(request: Fields): TemplateResult {
  const there = valueAt(request, ['retentionOverride'])
  if (there === undefined || there === null) {
    return html`<button type="button" class="plain" id=${pointerId('#/retentionOverride')} @click=${() => set(['retentionOverride'], { reason: '', approver: '' })}>
      ${t.form.addOverride}</button>`
  }
  return html`<fieldset id=${pointerId('#/retentionOverride')} tabindex="-1">
    <legend>${t.form.override}</legend>
    ${textField(request, ['retentionOverride', 'reason'], t.form.overrideReason)}
    ${textField(request, ['retentionOverride', 'approver'], t.form.overrideApprover)}
    <button type="button" class="plain" @click=${() => set(['retentionOverride'], undefined)}>${t.form.dropOverride}</button>
  </fieldset>`
}

function asFields(request: Fields): TemplateResult {
  return html`
    ${textField(request, ['name'], t.form.name)} ${apiField(request)} ${recordTypeField(request)}
    <div class="range" id=${pointerId('#/range')} tabindex="-1" title=${t.form.rangeHelp}>
      ${timeField(request, ['range', 'start'], t.form.start)} ${timeField(request, ['range', 'end'], t.form.end)}
    </div>
    ${chunkingField(request)} ${jurisdictionField(request)} ${recordingFields(request)}
    ${textField(request, ['query'], t.form.query, t.form.queryHelp, null)} ${textField(request, ['reason'], t.form.reason)}
    ${textField(request, ['requestedBy'], t.form.requestedBy)} ${overrideFields(request)}
  `
}

export function form(): TemplateResult {
  const { documents, plan, requestAsText } = get()
  const request = isUnreadable(plan.summary.findings, 'request') ? null : parseFields(documents.request)
  const asText = requestAsText || request === null
  return html`<section class="form" aria-labelledby="request-title" @dragover=${(event: Event) => event.preventDefault()}
    @drop=${(event: DragEvent) => droppedFile(event, takeRequest)}>
    <header class="bar">
      <h2 id="request-title">${t.form.title}</h2>
      <button type="button" class="plain" aria-pressed=${asText} ?disabled=${request === null}
        @click=${() => change({ requestAsText: !requestAsText })}>${asText ? t.form.asForm : t.form.asText}</button>
      <button type="button" class="plain" @click=${openRequest}>${t.form.import}</button>
    </header>
    <label class="load">${t.examples.label}
      <select id="examples" @change=${load}>
        <option value="">${t.form.choose}</option>
        ${examples.map((example, place) => html`<option value=${place}>${example.name}</option>`)}
        <option value="drafts">${t.examples.drafts}</option>
      </select>
    </label>
    ${request === null ? html`<p class="error">${t.form.broken}</p>` : nothing}
    ${asText
      ? html`<textarea id=${pointerId('#')} class="source" aria-label=${t.form.text} spellcheck="false"
          .value=${live(documents.request)} @input=${(event: Event) => edit({ request: value(event) })}></textarea>`
      : asFields(request)}
  </section>`
}

function load(event: Event): void {
  const wanted = value(event)
  ;(event.target as HTMLSelectElement).value = ''
  if (wanted === 'drafts') return change({ dialog: 'drafts' })
  const example = examples[Number(wanted)]
  if (wanted !== '' && example) {
    change({ requestAsText: false, policyAsText: false })
    edit({ request: example.request, policy: example.policy })
  }
}
