// One part of the range in detail: what is sent for it, what wakes it, why it is there. And the whole plan: totals, and the
// hand-over.
import { html, nothing, type TemplateResult } from 'lit-html'
import { instant, length, localTime, number, zone } from '../format'
import { reasonOf } from '../state/parts'
import { change, get, INSPECTOR, type State } from '../state/store'
import { t } from '../texts/page'
import type { Row } from '../types'
import { clientField, clientId } from './client'
import { copy } from './files'
import { handOver } from './later'
import { withCode } from './withCode'
import { totals } from './totals'

export function inspector(): TemplateResult {
  const state = get()
  return html`<section class="inspector" aria-labelledby="inspector-title">
    <header class="bar">
      <h2 id="inspector-title" class="sr">${t.inspector.title}</h2>
      <div class="tabs" role="group" aria-labelledby="inspector-title">
        ${INSPECTOR.map((tab) => html`<button type="button" aria-pressed=${state.inspector === tab}
          @click=${() => change({ inspector: tab })}>${t.inspector[tab]}</button>`)}
      </div>
    </header>
    ${state.inspector === 'totals' ? totals() : state.inspector === 'commands' ? handOver() : part(state)}
  </section>`
}

/** Text to read and to copy. */
export function code(label: string, text: string, shown = text): TemplateResult {
  return html`<div class="code"><pre tabindex="0" role="group" aria-label=${label}>${shown}</pre>
    <button type="button" class="plain" aria-label="${t.inspector.copy}: ${label}" @click=${() => void copy(text)}>${t.inspector.copy}</button></div>`
}

const pretty = (json: string): string => JSON.stringify(JSON.parse(json), null, 2)

function part(state: State): TemplateResult {
  // Until the user selects a part, the first one is shown as an example.
  const shown = state.selected ?? 0
  const [row] = state.plan.rows(shown, shown + 1)
  if (!row) return html`<p class="empty">${t.inspector.none}</p>`
  if (state.inspector === 'why') return why(row)
  if (row.chunk === null || !state.plan.summary.digest) {
    return html`${edges(row)}<p>${row.chunk === null ? withCode(t.inspector.noRequest(row.reason)) : t.inspector.stopped}</p>`
  }
  return state.inspector === 'message' ? message(state, row.chunk) : request(state, row.chunk)
}

function edges(row: Row): TemplateResult {
  const [from, to] = [Date.parse(row.start), Date.parse(row.end)]
  return html`<dl class="edges">
    <dt>${t.inspector.from}</dt><dd>${instant(from)} UTC <small>${localTime(row.start)} · ${zone}</small></dd>
    <dt>${t.inspector.before}</dt><dd>${instant(to)} UTC <small>${localTime(row.end)} · ${zone}</small></dd>
    <dt>${t.table.columns.length}</dt><dd>${length(to - from)}</dd>
  </dl>`
}

function why(row: Row): TemplateResult {
  const [kind, reason] = [t.timeline.dispositions[row.disposition], reasonOf(row)]
  return html`<p><strong>${row.chunk === null ? kind : `${kind} ${number(row.chunk)}`}</strong>${reason && withCode(`: ${reason}`)}${row.age === 'aged' ? ` · ${t.table.aged}` : ''}</p>
    <p class="quiet">${t.timeline.dispositionHelp[row.disposition]}.</p>${edges(row)}`
}

function request(state: State, chunk: number): TemplateResult {
  const sent = state.plan.submit(chunk, new Date().toISOString())
  if (!sent) return html`<p class="empty">${t.inspector.none}</p>`
  const body = sent.body ?? ''
  return html`<p class="quiet">${t.inspector.requestHelp(chunk)}</p><p><code>${sent.method} ${sent.path}</code></p>
    ${code(t.inspector.request, body, body === '' ? '' : pretty(body))}
    ${body.includes('"actionDate"') ? html`<p class="quiet">${t.inspector.actionDate}</p>` : nothing}`
}

function message(state: State, chunk: number): TemplateResult {
  const client = clientId()
  const wake = state.plan.wakeUp(chunk, client)
  if (!wake) return html`<p class="empty">${t.inspector.none}</p>`
  return html`<p class="quiet">${t.inspector.messageHelp}</p>${clientField('message-client')}
    ${client === ''
      ? html`<p class="empty">${t.inspector.noClient}</p>`
      : html`${code(t.inspector.message, wake.body, pretty(wake.body))}<p class="quiet">${t.inspector.messageTenant(wake.tenant)}</p>`}`
}
