// The rehearsal: the plan carried out against a simulated tenant, at any speed, with whatever may go wrong.
import { html, nothing, type TemplateResult } from 'lit-html'
import { live } from 'lit-html/directives/live.js'
import { ref } from 'lit-html/directives/ref.js'
import { Chart } from '../draw/chart'
import { clock, clockBy, instant, length, number, parseTimeToCome, plural } from '../format'
import { dateToInstant, parseFields, textAt } from '../state/document'
import { begin, current, failure, onChange, settings, SHOWN, SPEEDS, type Mark, type Playback } from '../state/rehearsal'
import { FAULTS, HAPPENINGS, type Happening } from '../state/scenario'
import { change, fileName, get, say, show as go } from '../state/store'
import { t } from '../texts/runs'
import type { ChunkView, Outcome } from '../types'
import { carrying } from './carrying'
import { selectValue } from './selectValue'
import { checkContent } from './evidence'
import { save } from './files'
import { equation } from './frame'
import { hint } from './hint'
import { chartSection, readoutWriter } from './lanes'
import { log } from './log'
import { firstClickOnly } from './firstClickOnly'
import { facts, heldHelp, problems, sums, verdict } from './sums'
import { withCode } from './withCode'
import { why } from './why'
import '../style/rehearse.css'

let chart: Chart | null = null
const canvasAt = ref((element) => {
  chart?.end()
  chart = element instanceof HTMLCanvasElement
    ? new Chart(element, { choose: chooseTime, read: readoutWriter(element, 'gantt-readout', () => current()?.now ?? 0) })
    : null
})

onChange(() => {
  if (get().view === 'rehearse') change({})
})

export function drawRehearsal(): void {
  const running = current()
  if (running) chart?.show(running)
}

export function playOrPause(): void {
  const running = current()
  if (!running) start()
  else if (running.playing) running.pause()
  else running.play()
}

function start(): void {
  begin(get().plan, api(), fileName())
}

const value = (event: Event): string => (event.target as HTMLInputElement).value

/** What is being typed, by field. The run paints often and must not overwrite it. */
const typed = new Map<string, string>()
const typing = (name: string) => (event: Event): void => void typed.set(name, value(event))

/** Whether the API can have such a fault: only one of the two can leave something behind. */
const isPossible = (what: string, api: string): boolean => what !== 'leave' || api === 'dataDeletion'

/** The API of the next rehearsal. */
const api = (): string => textAt(parseFields(get().documents.request) ?? {}, ['api'])

function setup(): TemplateResult {
  const numeric = (name: 'seed' | 'jobSeconds' | 'latencyMs' | 'lagSeconds', label: string): TemplateResult => html`<div class="field">
    <label for="world-${name}" title=${t.rehearse.settingHelp[name]}>${label}</label>
    <input id="world-${name}" type="number" min="0" aria-describedby="world-${name}-help" .value=${live(typed.get(name) ?? String(settings[name]))}
      @input=${typing(name)} @change=${(event: Event) => {
        typed.delete(name)
        settings[name] = Math.max(0, Math.floor(Number(value(event)) || 0))
        change({})
      }} />${hint(`world-${name}-help`, t.rehearse.settingHelp[name])}</div>`
  return html`<section class="setup" aria-labelledby="setup-title">
    <h2 id="setup-title">${t.rehearse.setup}</h2>
    <div class="field"><label for="world-approver">${t.rehearse.approver}</label>
      <input id="world-approver" type="text" autocomplete="off" .value=${live(settings.approver)}
        @input=${(event: Event) => {
          settings.approver = value(event)
        }} /></div>
    ${numeric('jobSeconds', t.rehearse.jobSeconds)} ${numeric('latencyMs', t.rehearse.latency)}
    ${numeric('lagSeconds', t.rehearse.lag)} ${numeric('seed', t.rehearse.seed)}
    <fieldset><legend>${t.rehearse.faults}</legend>
      ${FAULTS.filter((name) => isPossible(name, api())).map((name) => html`<label class="choice"><input type="checkbox" .checked=${live(settings.faults.includes(name))}
        @change=${(event: Event) => {
          const on = (event.target as HTMLInputElement).checked
          settings.faults = on ? [...settings.faults, name] : settings.faults.filter((other) => other !== name)
          change({})
        }} /> ${t.rehearse.faultNames[name]}</label>`)}
    </fieldset>
  </section>`
}

function controls(running: Playback | null): TemplateResult {
  const { plan } = get()
  const over = running?.standing.over ?? true
  return html`<div class="controls" role="group" aria-label=${t.rehearse.title}>
    <button type="button" class="primary" ?disabled=${!plan.summary.digest} @click=${start}>
      ${running ? t.rehearse.restart : t.rehearse.start}</button>
    ${running
      ? html`<button type="button" class="plain" ?disabled=${over} @click=${playOrPause}>${running.playing ? t.rehearse.pause : t.rehearse.play}</button>
          <button type="button" class="plain" ?disabled=${over} @click=${() => running.step()}>${t.rehearse.step}</button>
          <button type="button" class="plain" ?disabled=${over} @click=${() => void running.toEnd()}>${t.rehearse.toEnd}</button>
          <label class="inline">${t.rehearse.speed}
            <select @change=${(event: Event) => {
              running.speed = Number(value(event))
            }}>${SPEEDS.map((speed) => html`<option value=${speed}>${t.rehearse.speeds[speed]}</option>`)}${selectValue(String(running.speed))}</select></label>
          <button type="button" class="plain" ?disabled=${over} @click=${() => running.cancel()}>${t.rehearse.cancel}</button>
          <output class="clock">${t.rehearse.now} ${clockBy(running.shown, running.begun)} (+${length(Math.floor((running.shown - running.begun) / 1000) * 1000)}) ·
            ${t.rehearse.ended(number(running.ended), number(running.standing.chunks))}</output>`
      : nothing}
  </div>`
}

/** Lets an event happen at the time that was chosen last, painted or not; nothing happens while what was typed is no time. */
function letHappenThen(running: Playback, what: Happening): void {
  if (timeIsUnreadable) document.querySelector<HTMLElement>('.group.when input')?.focus()
  else letHappen(running, what, running.aim)
}

/** Lets an event happen at a time: now or later. */
function letHappen(running: Playback, what: Happening, at: number | null): void {
  const when = at ?? running.now
  if (!running.letHappen(what, when)) return
  const { start: from, end } = settings.hold
  say(what === 'hold' && at === null ? t.rehearse.placed(from, end) : t.rehearse.happens(t.rehearse.happenings[what], clockBy(when, running.now)))
}

/** Whether the time typed for the next event could not be read. */
let timeIsUnreadable = false

/** Chooses a time, on the lanes or typed. What was typed before no longer counts. */
function chooseTime(at: number | null): void {
  timeIsUnreadable = false
  typed.delete('when')
  current()?.choose(at)
}

/** The events that can be triggered: by a press, at the chosen time, or dragged onto the lanes. */
function palette(running: Playback): TemplateResult {
  const { over } = running.standing
  const { aim } = running
  const list = HAPPENINGS.filter((what) => isPossible(what, running.api))
  const window = (side: 'start' | 'end', label: string): TemplateResult => html`<label class="inline">${label}
    <input type="text" class="time" .value=${live(typed.get(side) ?? settings.hold[side])} ?disabled=${over} spellcheck="false" autocomplete="off" @input=${typing(side)} @change=${(event: Event) => {
      typed.delete(side)
      settings.hold = { ...settings.hold, [side]: dateToInstant(value(event)) }
      change({})
    }} /></label>`
  const choose = (text: string): void => {
    const at = parseTimeToCome(text, running.now)
    if (at !== undefined) return chooseTime(at)
    timeIsUnreadable = true
    change({})
  }
  const coming = running.marks.filter((mark) => !mark.done)
  const when = (mark: Mark): string => clockBy(mark.at, running.now)
  const place = { at: (what: Happening | null, x: number, y: number) => chart?.carry(what, x, y) ?? null, drop: (what: Happening, at: number) => letHappen(running, what, at) }
  return html`<section class="palette" aria-labelledby="palette-title">
    <header class="bar"><h2 id="palette-title">${t.rehearse.palette}</h2><small>${t.rehearse.paletteHelp}</small></header>
    <div class="group wrap when"><label class="inline">${t.rehearse.when}
      <input type="text" class="time" placeholder=${t.rehearse.whenNow} .value=${live(typed.get('when') ?? (aim === null ? '' : clockBy(aim, running.now)))} ?disabled=${over}
        spellcheck="false" autocomplete="off" inputmode="text" aria-describedby="when-help" aria-invalid=${timeIsUnreadable ? 'true' : 'false'}
        @input=${typing('when')} @change=${(event: Event) => choose(value(event))} /></label>
      ${aim === null ? nothing : html`<button type="button" class="plain" @click=${() => chooseTime(null)}>${t.rehearse.whenNow}</button>`}
      <small id="when-help" class=${timeIsUnreadable ? 'error' : ''}>${timeIsUnreadable ? t.rehearse.whenUnread : t.rehearse.whenHelp}</small></div>
    <div class="group wrap chips">${list.map((what) => html`<span class="hinted"><button type="button" class="plain chip ${what}" ?disabled=${over}
      title=${t.rehearse.happeningHelp[what]} aria-describedby="happening-${what}" @click=${() => letHappenThen(running, what)}
      ${carrying(what, place)}>${t.rehearse.happenings[what]}</button>${hint(`happening-${what}`, t.rehearse.happeningHelp[what])}</span>`)}</div>
    <div class="group wrap">${window('start', t.rehearse.holdFrom)} ${window('end', t.rehearse.holdTo)}</div>
    ${coming.length > 0
      ? html`<h3 id="coming-title">${t.rehearse.coming}</h3><ul class="coming" aria-labelledby="coming-title">${coming.map((mark) => html`<li>
          <span>${t.rehearse.comes(t.rehearse.happenings[mark.what], when(mark), length(Math.ceil((mark.at - running.now) / 1000) * 1000))}</span>
          ${mark.hold ? html`<small>${shortInstant(mark.hold.start)} – ${shortInstant(mark.hold.end)}</small>` : nothing}
          <button type="button" class="plain" aria-label=${t.rehearse.takeBackOne(t.rehearse.happenings[mark.what], when(mark))} @click=${firstClickOnly(() => running.takeBack(mark))}>${t.rehearse.takeBack}</button></li>`)}</ul>`
      : nothing}
  </section>`
}

/** An instant, as short as possible; any other text as it was typed. */
const shortInstant = (text: string): string => (Number.isNaN(Date.parse(text)) ? text : instant(Date.parse(text)))

function lanes(running: Playback): TemplateResult {
  const label = t.rehearse.ganttLabel(plural(running.lanes, 'lane'), clock(running.begun), clockBy(running.now, running.begun))
  return html`${chartSection({ title: t.rehearse.gantt, label, canvasAt, readout: 'gantt-readout', chart: () => chart })}
    <label class="inline scrub">${t.rehearse.scrub}
      <input type="range" min=${running.begun} max=${Math.max(running.now, running.begun + 1)} step="1"
        aria-valuetext="${clockBy(running.shown, running.begun)}"
        .value=${live(String(running.shown))} @input=${(event: Event) => {
          const at = Number(value(event))
          running.choose(at >= running.now ? null : at)
        }} /></label>`
}

const count = (n: number | null): string => (n === null ? '–' : number(n))

/** A time that may be broken across lines only between its date and its time of day. */
const moment = (at: number, present: number): TemplateResult[] => clockBy(at, present).split(' ').map((part) => html`<span class="moment">${part}</span> `)

function chunkRow(view: ChunkView, present: number, kept: boolean): TemplateResult {
  const state = view.outcome ? t.rehearse.outcomes[view.outcome] : (t.rehearse.states[view.state] ?? view.state)
  return html`<tr class=${view.outcome ?? ''}>
    <td>${view.chunk.index}</td><td><span class="mark">${state}</span></td><td>${withCode(why(view))}</td>
    <td>${view.due && view.outcome === null ? moment(Date.parse(view.due), present) : ''}</td>
    <td>${view.submits}</td><td>${count(view.before)}</td><td>${count(view.recordsDeleted)}</td>
    ${kept ? html`<td>${count(view.protected)}</td>` : nothing}<td>${count(view.remaining)}</td>
  </tr>`
}

function chunkTable(running: Playback): TemplateResult {
  const { views, more } = running.chunksAt(running.lookAt)
  // Too many chunks to remember: their past states are not known.
  const present = running.lookAt !== null && running.forgets
  const shown = present ? running.now : running.shown
  const kept = views.some((view) => (view.protected ?? 0) > 0)
  const heads = [t.table.columns.number, t.rehearse.state, t.rehearse.waits, t.rehearse.next, t.rehearse.submits, t.rehearse.before, t.rehearse.deleted, ...(kept ? [t.watch.protected] : []), t.watch.left]
  return html`<section class="states" aria-labelledby="states-title">
    <header class="bar"><h2 id="states-title">${t.rehearse.chunks}</h2>
      ${more ? html`<span class="quiet">${t.rehearse.oldest(number(SHOWN))}</span>` : nothing}</header>
    ${present ? html`<p class="warning" role="note">${t.rehearse.asNow}</p>` : nothing}
    <div class="scroll" tabindex="0" role="group" aria-label=${t.rehearse.chunks}><table>
      <thead><tr>${heads.map((head) => html`<th scope="col">${head}</th>`)}</tr></thead>
      <tbody>${views.map((view) => chunkRow(view, shown, kept))}</tbody>
    </table></div>
  </section>`
}

function audit(running: Playback): TemplateResult {
  const { lines, count, missing } = running.logged
  return html`<section class="audit" aria-labelledby="audit-title">
    <header class="bar"><h2 id="audit-title">${t.rehearse.audit}${count === null ? '' : ` (${number(count)})`}</h2>
      <button type="button" class="plain" @click=${() => void running.log((log) => save(`${running.name}.audit.jsonl`, log))}>${t.rehearse.saveAudit}</button>
      <button type="button" class="plain" @click=${() => {
        go('evidence')
        void running.log((log) => void checkContent('audit.jsonl', log))
      }}>${t.rehearse.checkAudit}</button></header>
    ${log(lines, running.shown, missing ? t.rehearse.auditGone : t.rehearse.auditEmpty)}
    ${missing && lines.length > 0 ? html`<p class="quiet">${t.rehearse.auditGone}</p>` : nothing}
  </section>`
}

function report(running: Playback): TemplateResult | typeof nothing {
  if (!running.reported) return nothing
  const { report, exitCode } = running.reported
  const ended = Object.entries(report.totals.byOutcome).filter(([, n]) => n > 0)
  return html`<section class="report" aria-labelledby="report-title">
    <header class="bar"><h2 id="report-title">${t.rehearse.report}</h2></header>
    <p class="verdict ${exitCode === 0 ? 'good' : 'bad'}" role="status">${verdict(report.outcome, exitCode, report.totals)}</p>
    <p>${equation(report.accounting)}</p>
    ${facts([
      ...ended.map(([outcome, n]) => [t.rehearse.outcomes[outcome as Outcome], number(n)] as const),
      ...sums(report.totals),
      [t.watch.facts.tenant, html`<strong class="warning">${report.tenant}</strong>`],
      [t.watch.facts.run, html`<code>${report.runId}</code>`],
      [t.watch.facts.plan, html`<code>${report.planDigest}</code>`],
    ])}
    ${problems(report.problems)} ${heldHelp(report.totals.byOutcome)}
  </section>`
}

export function rehearseView(): TemplateResult {
  const running = current()
  const { plan } = get()
  return html`<div class="rehearse">
    <p class="simulated" role="note">${t.rehearse.simulated}</p>
    <div class="side">${setup()}</div>
    <div class="main">
      ${controls(running)}
      ${failure ? html`<p class="error" role="alert">${withCode(failure)}</p>` : nothing}
      ${running && running.code !== plan.summary.shortCode ? html`<p class="warning" role="note">${t.rehearse.another(running.code)}</p>` : nothing}
      ${running
        ? html`${lanes(running)} ${running.standing.over ? nothing : palette(running)} ${report(running)}
            <div class="lower">${chunkTable(running)} ${audit(running)}</div>`
        : plan.summary.digest
          ? html`<p>${t.rehearse.empty}</p><ol class="teach">${t.rehearse.teach.map((text, at) => html`<li class=${['chunk', 'held', 'verify'][at] ?? ''}>${text}</li>`)}</ol>`
          : html`<p class="empty">${t.rehearse.noPlan}</p>`}
    </div>
  </div>`
}
