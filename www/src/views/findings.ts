// What is wrong or worth knowing; each item leads to its field.
import { html, type TemplateResult } from 'lit-html'
import { plural } from '../format'
import { ticked } from './ticked'
import { placeOf } from '../state/pointer'
import { afterPaint, get, show } from '../state/store'
import { t } from '../texts'
import type { Finding } from '../types'

/** The id of the field that a pointer is about. */
export function pointerId(pointer: string): string {
  return `at-${pointer.replace('policy#', 'policy').replace('#', 'request').replaceAll(/[^A-Za-z0-9]+/g, '-')}`.replace(/-$/, '')
}

/** The findings at a field or inside it. */
export function findingsAt(pointer: string): Finding[] {
  return get().plan.summary.findings.filter((f) => f.pointer === pointer || f.pointer.startsWith(`${pointer}/`))
}

/** Where it is, as people count: `policy: holds 13, range, start`. */
function where(pointer: string): string {
  const [document = '', path = ''] = pointer.split('#')
  const steps = path.split('/').slice(1).map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
  const named = steps.reduce<string[]>((list, step) => (/^\d+$/.test(step) && list.length > 0
    ? [...list.slice(0, -1), `${list.at(-1) ?? ''} ${Number(step) + 1}`]
    : [...list, step]), [])
  return steps.length === 0 ? '' : ` · ${t.findings.where(document === 'policy', named.join(', '))}`
}

/** Leads to the field, from whatever view. */
export function jump(finding: Finding): void {
  if (get().view === 'plan') return focusOn(finding)
  show('plan')
  afterPaint(() => focusOn(finding))
}

/** Focuses the field, or the nearest one around it. */
function focusOn(finding: Finding): void {
  const inPolicy = finding.pointer.startsWith('policy')
  let pointer = finding.pointer
  for (;;) {
    const element = document.getElementById(pointerId(pointer))
    if (element) {
      element.closest('details')?.setAttribute('open', '')
      element.scrollIntoView({ block: 'center' })
      element.focus()
      if (element instanceof HTMLTextAreaElement) {
        const place = placeOf(element.value, finding.pointer)
        if (place) element.setSelectionRange(...place)
      }
      return
    }
    const cut = pointer.lastIndexOf('/')
    if (cut < 0) break
    pointer = pointer.slice(0, cut)
  }
  document.getElementById(inPolicy ? 'policy-title' : 'request-title')?.scrollIntoView({ block: 'center' })
}

export function findings(): TemplateResult {
  const list = get().plan.summary.findings
  const stopping = list.filter((f) => f.severity === 'error' || f.severity === 'blocked').length
  const warnings = list.filter((f) => f.severity === 'warning').length
  return html`<section class="findings" aria-labelledby="findings-title">
    <header class="bar">
      <h2 id="findings-title">${t.findings.title}</h2>
      <output class="counts">${t.findings.counts(plural(stopping, 'error'), plural(warnings, 'warning'))}</output>
    </header>
    ${list.length === 0
      ? html`<p class="empty">${t.findings.none}</p>`
      : html`<ul>
          ${list.map((finding) => html`<li class=${finding.severity}>
            <button type="button" title=${t.findings.jump} @click=${() => jump(finding)}>
              <span class="mark">${t.findings.severities[finding.severity]}</span>
              <span class="message">${ticked(finding.message)}</span>
              <span class="help">${ticked(finding.help)}</span>
              <span class="place"><code>${finding.code}</code>${where(finding.pointer)}</span>
            </button>
          </li>`)}
        </ul>`}
  </section>`
}
