// The rehearsal: the plan carried out against a simulated tenant, at any speed, with whatever may go wrong.
import { html, nothing, type TemplateResult } from 'lit-html'
import { live } from 'lit-html/directives/live.js'
import { ref } from 'lit-html/directives/ref.js'
import { barAt, gantt, timeAt } from '../draw/gantt'
import { clock, instant, length, localTime, number, plural } from '../format'
import { fields, instant as instantText, textAt } from '../state/document'
import { begin, current, failure, FAULTS, HAPPENINGS, loading, onChange, settings, SPEEDS, type Happening, type Show } from '../state/rehearsal'
import { change, fileName, get, say, show as go } from '../state/store'
import { t } from '../texts'
import type { ChunkView } from '../types'
import { checkText } from './evidence'
import { save } from './files'

const SHOWN = 120
let canvas: HTMLCanvasElement | null = null
const canvasAt = ref((element) => {
  canvas = (element as HTMLCanvasElement | undefined) ?? null
})

onChange(() => {
  if (get().view === 'rehearse') change({})
})

export function drawRehearsal(): void {
  const running = current()
  if (canvas && running) gantt(canvas, running)
}

export function playOrPause(): void {
  const running = current()
  if (!running) start()
  else if (running.playing) running.pause()
  else running.play()
}

function start(): void {
  const { plan, documents } = get()
  void begin(plan, textAt(fields(documents.request) ?? {}, ['api']))
}

const value = (event: Event): string => (event.target as HTMLInputElement).value

function setup(): TemplateResult {
  const numeric = (name: 'seed' | 'jobSeconds' | 'latencyMs' | 'lagSeconds', label: string): TemplateResult => html`<div class="field">
    <label for="world-${name}" title=${t.rehearse.settingHelp[name]}>${label}</label>
    <input id="world-${name}" type="number" min="0" .value=${live(String(settings[name]))}
      @change=${(event: Event) => {
        settings[name] = Math.max(0, Math.floor(Number(value(event)) || 0))
        change({})
      }} /></div>`
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
      ${FAULTS.map((name) => html`<label class="choice"><input type="checkbox" .checked=${live(settings.faults.includes(name))}
        @change=${(event: Event) => {
          const on = (event.target as HTMLInputElement).checked
          settings.faults = on ? [...settings.faults, name] : settings.faults.filter((other) => other !== name)
          change({})
        }} /> ${t.rehearse.faultNames[name]}</label>`)}
    </fieldset>
  </section>`
}

function controls(running: Show | null): TemplateResult {
  const { plan } = get()
  const over = running?.standing.over ?? true
  return html`<div class="controls" role="group" aria-label=${t.rehearse.title}>
    <button type="button" class="primary" ?disabled=${!plan.summary.digest || loading} @click=${start}>
      ${running ? t.rehearse.restart : t.rehearse.start}</button>
    ${running
      ? html`<button type="button" class="plain" ?disabled=${over} @click=${playOrPause}>${running.playing ? t.rehearse.pause : t.rehearse.play}</button>
          <button type="button" class="plain" ?disabled=${over} @click=${() => running.step()}>${t.rehearse.step}</button>
          <button type="button" class="plain" ?disabled=${over} @click=${() => void running.toEnd()}>${t.rehearse.toEnd}</button>
          <label class="inline">${t.rehearse.speed}
            <select @change=${(event: Event) => {
              running.speed = Number(value(event))
            }}>${SPEEDS.map((speed) => html`<option value=${speed} ?selected=${speed === running.speed}>${t.rehearse.speeds[speed]}</option>`)}</select></label>
          <button type="button" class="plain" ?disabled=${over} @click=${() => running.cancel()}>${t.rehearse.cancel}</button>
          <output class="clock">${t.rehearse.now} ${clock(running.lookAt ?? running.now)} (+${length(Math.floor((running.now - running.begun) / 1000) * 1000)}) ·
            ${t.rehearse.ended(number(running.standing.ended), number(running.standing.chunks))}</output>`
      : nothing}
  </div>`
}

/** What can be let happen: dropped on the lanes for later, or pressed for now. */
function palette(running: Show): TemplateResult {
  const { over } = running.standing
  const api = textAt(fields(get().documents.request) ?? {}, ['api'])
  const now = (what: Happening): void => {
    running.drop(what)
    say(what === 'hold' ? t.rehearse.placed(settings.hold.start, settings.hold.end) : t.rehearse.happens(t.rehearse.happenings[what], clock(running.now)))
  }
  // Deletions that leave something behind are a matter of one API.
  const list = HAPPENINGS.filter((what) => what !== 'leave' || api === 'dataDeletion')
  const window = (side: 'start' | 'end', label: string): TemplateResult => html`<label class="inline">${label}
    <input type="text" class="time" .value=${live(settings.hold[side])} ?disabled=${over} spellcheck="false" @change=${(event: Event) => {
      settings.hold = { ...settings.hold, [side]: instantText(value(event)) }
      change({})
    }} /></label>`
  return html`<section class="palette" aria-labelledby="palette-title">
    <header class="bar"><h2 id="palette-title">${t.rehearse.palette}</h2><small>${t.rehearse.paletteHelp}</small></header>
    <div class="group wrap">${list.map((what) => html`<button type="button" class="plain chip ${what}" draggable=${over ? 'false' : 'true'} ?disabled=${over}
      title=${t.rehearse.happeningHelp[what]} @click=${() => now(what)}
      @dragstart=${(event: DragEvent) => event.dataTransfer?.setData(DRAGGED, what)}>${t.rehearse.happenings[what]}</button>`)}</div>
    <div class="group wrap">${window('start', t.rehearse.holdFrom)} ${window('end', t.rehearse.holdTo)}</div>
  </section>`
}

const DRAGGED = 'application/x-happening'

function dropped(event: DragEvent, running: Show): void {
  const what = HAPPENINGS.find((one) => one === event.dataTransfer?.getData(DRAGGED))
  if (!what || !canvas) return
  event.preventDefault()
  const at = timeAt(canvas, running, event.clientX)
  running.drop(what, at)
  say(t.rehearse.happens(t.rehearse.happenings[what], clock(Math.max(at, running.now))))
}

/** What the pointer is on, in words. */
function told(event: PointerEvent, running: Show): void {
  const line = document.getElementById('gantt-readout')
  if (!canvas || !line) return
  const bar = barAt(canvas, running, event.clientX, event.clientY)
  const at = Math.round(timeAt(canvas, running, event.clientX) / 1000) * 1000
  line.textContent = bar
    ? t.rehearse.bar(bar.chunk, t.rehearse.phases[bar.phase], t.rehearse.whys[bar.why] ?? t.rehearse.states[bar.why] ?? bar.why, clock(bar.from), length(Math.max(bar.to - bar.from, 1)))
    : `${instant(at)} UTC · ${localTime(new Date(at).toISOString())}`
}

function lanes(running: Show): TemplateResult {
  const span = [instant(running.begun), instant(running.now)] as const
  return html`<section class="gantt" aria-labelledby="gantt-title">
    <header class="bar"><h2 id="gantt-title">${t.rehearse.gantt}</h2>
      <ul class="legend">${(['check', 'submit', 'delete', 'verify', 'wait'] as const).map((phase) => html`<li class="phase-${phase}">${t.rehearse.phases[phase]}</li>`)}</ul>
    </header>
    <canvas ${canvasAt} role="img" aria-label=${t.rehearse.ganttLabel(plural(running.lanes, 'lane'), ...span)}
      @dragover=${(event: DragEvent) => event.dataTransfer?.types.includes(DRAGGED) && event.preventDefault()}
      @drop=${(event: DragEvent) => dropped(event, running)} @pointermove=${(event: PointerEvent) => told(event, running)}></canvas>
    <p class="readout" id="gantt-readout"></p>
    <label class="inline scrub">${t.rehearse.scrub}
      <input type="range" min=${running.begun} max=${Math.max(running.now, running.begun + 1)} step="1"
        aria-valuetext="${clock(running.lookAt ?? running.now)}"
        .value=${live(String(running.lookAt ?? running.now))} @input=${(event: Event) => {
          const at = Number(value(event))
          if (running.playing) running.pause()
          running.lookAt = at >= running.now ? null : at
          change({})
        }} /></label>
  </section>`
}

const count = (n: number | null): string => (n === null ? '–' : number(n))

function chunkRow(view: ChunkView): TemplateResult {
  const state = view.outcome ? t.rehearse.outcomes[view.outcome] : (t.rehearse.states[view.state] ?? view.state)
  const waits = view.wait && view.outcome === null ? t.wait(view.wait) : (view.cause?.message ?? '')
  return html`<tr class=${view.outcome ?? ''}>
    <td>${view.chunk.index}</td><td><span class="mark">${state}</span></td><td>${waits}</td>
    <td>${view.due && view.outcome === null ? clock(Date.parse(view.due)) : ''}</td>
    <td>${view.submits}</td><td>${count(view.before)}</td><td>${count(view.recordsDeleted)}</td>
  </tr>`
}

function chunkTable(running: Show): TemplateResult {
  const views = running.at(running.lookAt).sort((a, b) => b.chunk.index - a.chunk.index)
  const heads = [t.table.columns.number, t.rehearse.state, t.rehearse.waits, t.rehearse.next, t.rehearse.submits, t.rehearse.before, t.rehearse.deleted]
  return html`<section class="states" aria-labelledby="states-title">
    <header class="bar"><h2 id="states-title">${t.rehearse.chunks}</h2>
      ${views.length > SHOWN ? html`<span class="quiet">${t.rehearse.oldest(number(SHOWN))}</span>` : nothing}</header>
    <div class="scroll" tabindex="0" role="group" aria-label=${t.rehearse.chunks}><table>
      <thead><tr>${heads.map((head) => html`<th scope="col">${head}</th>`)}</tr></thead>
      <tbody>${views.slice(0, SHOWN).map(chunkRow)}</tbody>
    </table></div>
  </section>`
}

function audit(running: Show): TemplateResult {
  const { lookAt } = running
  const known = lookAt === null ? running.lines : running.lines.filter((line) => line.at <= lookAt)
  const lines = known.slice(-SHOWN).reverse()
  return html`<section class="audit" aria-labelledby="audit-title">
    <header class="bar"><h2 id="audit-title">${t.rehearse.audit} (${number(running.lineCount)})</h2>
      <button type="button" class="plain" @click=${() => save(`${fileName()}.audit.jsonl`, running.log())}>${t.rehearse.saveAudit}</button>
      <button type="button" class="plain" @click=${() => {
        go('evidence')
        void checkText('audit.jsonl', running.log())
      }}>${t.rehearse.checkAudit}</button></header>
    <div class="scroll" tabindex="0" role="group" aria-label=${t.rehearse.audit}><ol reversed>
      ${lines.length === 0 ? html`<li class="empty">${t.rehearse.auditEmpty}</li>` : nothing}
      ${lines.map((line) => html`<li class=${line.kind} title=${line.text}><time>${clock(line.at)}</time>
        <span>${line.chunk === 0 ? '' : `#${line.chunk}`}</span><code>${line.kind}</code><span>${line.status}</span></li>`)}
    </ol></div>
  </section>`
}

function report(running: Show): TemplateResult | typeof nothing {
  if (!running.reported) return nothing
  const { report, exitCode } = running.reported
  return html`<section class="report" aria-labelledby="report-title">
    <header class="bar"><h2 id="report-title">${t.rehearse.report}</h2></header>
    <p class="verdict ${exitCode === 0 ? 'good' : 'bad'}" role="status">${report.outcome} · ${t.rehearse.exit(exitCode)}</p>
    <dl>
      ${Object.entries(report.totals.byOutcome).filter(([, n]) => n > 0).map(([outcome, n]) => html`<dt>${t.rehearse.outcomes[outcome as keyof typeof t.rehearse.outcomes]}</dt><dd>${number(n)}</dd>`)}
      <dt>${t.rehearse.submits}</dt><dd>${number(report.totals.submits)}</dd>
      <dt>${t.rehearse.deleted}</dt><dd>${report.totals.recordsDeleted === null ? t.rehearse.measured : number(report.totals.recordsDeleted)}</dd>
    </dl>
    ${report.problems.length > 0 ? html`<h3>${t.rehearse.problems}</h3><ul>${report.problems.map((p) => html`<li class="error">${p.message}</li>`)}</ul>` : nothing}
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
      ${failure ? html`<p class="error" role="alert">${failure}</p>` : nothing}
      ${loading ? html`<p role="status">${t.rehearse.loading}</p>` : nothing}
      ${running
        ? html`${lanes(running)} ${running.standing.over ? nothing : palette(running)} ${report(running)}
            <div class="lower">${chunkTable(running)} ${audit(running)}</div>`
        : plan.summary.digest
          ? html`<p>${t.rehearse.empty}</p><ol class="teach">${t.rehearse.teach.map((text, at) => html`<li class=${['chunk', 'held', 'verify'][at] ?? ''}>${text}</li>`)}</ol>`
          : html`<p class="empty">${t.rehearse.noPlan}</p>`}
    </div>
  </div>`
}
