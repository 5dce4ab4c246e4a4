// Lines of an audit log, latest first. The selected one is shown in full below.
import { html, nothing, type TemplateResult } from 'lit-html'
import { clockBy } from '../format'
import { change } from '../state/store'
import { t } from '../texts/runs'

export interface LogLine {
  at: number
  chunk: number
  kind: string
  status: string
  /** The whole record. */
  text: string
}

/** The text of the selected record. Its place changes with every new record. */
let chosen: string | null = null

function choose(text: string | null): void {
  chosen = text
  change({})
}

function key(event: KeyboardEvent, lines: readonly LogLine[]): void {
  if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey || lines.length === 0) return
  const here = lines.findIndex(({ text }) => text === chosen)
  const to: Record<string, number> = { ArrowDown: here + 1, ArrowUp: here - 1, Home: 0, End: lines.length - 1 }
  const next = to[event.key]
  if (event.key === 'Escape' && chosen !== null) choose(null)
  else if (next === undefined) return
  else choose(lines[Math.min(Math.max(next, 0), lines.length - 1)]?.text ?? null)
  event.preventDefault()
  event.stopPropagation()
  const list = event.currentTarget as HTMLElement
  requestAnimationFrame(() => requestAnimationFrame(() => list.querySelector('[aria-selected=true]')?.scrollIntoView({ block: 'nearest' })))
}

/** The lines. Times have a date where it is not that of `present`. `none` is shown when there are no lines. */
export function log(lines: readonly LogLine[], present = Date.now(), none = t.rehearse.auditEmpty): TemplateResult {
  if (lines.length === 0) return html`<p class="empty">${none}</p>`
  const here = lines.findIndex(({ text }) => text === chosen)
  const line = lines[here]
  const times = lines.map(({ at }) => clockBy(at, present))
  return html`<ol class="scroll ${times.some((time) => time.includes(' ')) ? 'dated' : ''}" role="listbox" tabindex="0" aria-label=${t.rehearse.audit} aria-activedescendant=${line ? `log-${here}` : nothing}
      @keydown=${(event: KeyboardEvent) => key(event, lines)}>
      ${lines.map(({ chunk, kind, status, text }, place) => html`<li role="option" id="log-${place}" class=${kind} aria-selected=${place === here ? 'true' : 'false'}
        @click=${() => choose(text === chosen ? null : text)}><time>${times[place]}</time>
        <span>${chunk === 0 ? '' : `#${chunk}`}</span><code>${kind}</code><span>${status}</span></li>`)}
    </ol>
    ${line ? html`<pre class="record" tabindex="0" role="group" aria-label=${t.rehearse.record}>${indented(line.text)}</pre>` : html`<p class="quiet">${t.rehearse.auditHelp}</p>`}`
}

function indented(text: string): string {
  return JSON.stringify(JSON.parse(text), null, 2)
}
