// One part of the range, exactly: what is sent for it, why its edges are where they are, and how the plan is handed over.
import { html, nothing, type TemplateResult } from 'lit-html'
import { instant, length } from '../format'
import { change, fileName, get, type State } from '../state/store'
import { t } from '../texts'
import { copy } from './files'

const TABS = ['request', 'why', 'commands'] as const

export function inspector(): TemplateResult {
  const state = get()
  return html`<section class="inspector" aria-labelledby="inspector-title">
    <header class="bar">
      <h2 id="inspector-title">${t.inspector.title}</h2>
      <div class="tabs" role="group" aria-labelledby="inspector-title">
        ${TABS.map((tab) => html`<button type="button" class="plain" aria-pressed=${state.inspector === tab}
          @click=${() => change({ inspector: tab })}>${t.inspector[tab]}</button>`)}
      </div>
    </header>
    ${state.inspector === 'commands' ? commands(state) : part(state)}
  </section>`
}

function part(state: State): TemplateResult {
  const [row] = state.selected === null ? [] : state.plan.rows(state.selected, state.selected + 1)
  if (!row) return html`<p class="empty">${t.inspector.none}</p>`
  const from = Date.parse(row.start)
  const to = Date.parse(row.end)
  const edges = t.inspector.edges(instant(from), instant(to), length(to - from))
  if (state.inspector === 'why') {
    return html`<p>${edges}</p>
      <p><strong>${t.timeline.dispositions[row.disposition]}</strong>: ${row.reason}</p>
      <p class="quiet">${t.timeline.dispositionHelp[row.disposition]}</p>`
  }
  const request = row.chunk === null ? null : state.plan.submit(row.chunk, new Date().toISOString())
  if (!request) return html`<p>${edges}</p><p>${t.inspector.noRequest(row.reason)}</p>`
  const body = request.body === null ? '' : JSON.stringify(JSON.parse(request.body), null, 2)
  return html`<p><code>${request.method} ${request.path}</code></p>
    <div class="code"><pre tabindex="0" aria-label=${t.inspector.request}>${body}</pre>
      <button type="button" class="plain" @click=${() => void copy(request.body ?? '')}>${t.inspector.copy}</button></div>
    ${body.includes('"actionDate"') ? html`<p class="quiet">${t.inspector.actionDate}</p>` : nothing}`
}

function commands(state: State): TemplateResult {
  const { digest } = state.plan.summary
  if (digest === null) return html`<p class="empty">${t.inspector.noPlan}</p>`
  const file = `${fileName()}.plan.json`
  const steps: [string, string][] = [
    [t.inspector.steps.rehearse, `genesys-purge run ${file}`],
    [t.inspector.steps.carryOut, `genesys-purge run ${file} --approve ${digest} --approver NAME`],
    [t.inspector.steps.verify, `genesys-purge verify genesys-purge-data/evidence/RUN`],
  ]
  return html`<p class="quiet">${t.inspector.commandsHelp}</p>
    ${steps.map(([name, command]) => html`<h3>${name}</h3>
      <div class="code"><pre tabindex="0" aria-label=${name}>${command}</pre>
        <button type="button" class="plain" @click=${() => void copy(command)}>${t.inspector.copy}</button></div>`)}`
}
