// What is wrong or worth knowing; each finding leads to its field.
import { html, nothing, type TemplateResult } from 'lit-html'
import { number, plural } from '../format'
import { withCode } from './withCode'
import { placeNamed, placeOf } from '../state/pointer'
import { afterPaint, change, get, show } from '../state/store'
import { t } from '../texts/page'
import type { Finding } from '../types'

/** The id of the field that a pointer is about. */
export function pointerId(pointer: string): string {
  return `at-${pointer.replace('policy#', 'policy').replace('#', 'request').replaceAll(/[^A-Za-z0-9]+/g, '-')}`.replace(/-$/, '')
}

/** The findings at a field or inside it. */
export function findingsAt(pointer: string): Finding[] {
  return get().plan.summary.findings.filter((f) => f.pointer === pointer || f.pointer.startsWith(`${pointer}/`))
}

/** What findings say, to stand at their field. */
export const messages = (list: readonly Finding[]): TemplateResult[] => list.map((f) => html`<p class=${f.severity}>${withCode(f.message)}</p>`)

/** The place of a finding, counted as people do: `policy: holds 13, range, start`. */
function placeText(pointer: string): string {
  const [document = '', path = ''] = pointer.split('#')
  const steps = path.split('/').slice(1).map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
  const named = steps.reduce<string[]>((list, step) => (/^\d+$/.test(step) && list.length > 0
    ? [...list.slice(0, -1), `${list.at(-1) ?? ''} ${Number(step) + 1}`]
    : [...list, step]), [])
  return steps.length === 0 ? '' : ` · ${t.findings.where(document === 'policy', named.join(', '))}`
}

/** Leads to the field of a finding from any view. */
export function jump(finding: Finding): void {
  if (get().view === 'plan') return focusOn(finding)
  show('plan')
  afterPaint(() => focusOn(finding))
}

/** Selects the place of a finding in a text, and shows it: browsers do not scroll to what is selected. Lines are not broken there. */
function selectPlace(area: HTMLTextAreaElement, { message, pointer }: Finding): void {
  const text = area.value
  const place = placeNamed(text, message) ?? placeOf(text, pointer)
  if (place === null) return
  area.setSelectionRange(...place)
  const lines = (until?: number): number => text.slice(0, until).split('\n').length
  area.scrollTop = (lines(place[0]) / lines()) * area.scrollHeight - area.clientHeight / 2
}

/** Focuses the field, or the nearest one around it. Without any, selects its place in the document's text. */
function focusOn(finding: Finding): void {
  const inPolicy = finding.pointer.startsWith('policy')
  if (inPolicy && get().documents.policy === null) return document.getElementById('write-policy')?.focus()
  let pointer = finding.pointer
  for (;;) {
    const element = document.getElementById(pointerId(pointer))
    // A list with too many rows to show has only a heading, which is not the field.
    if (element && !(element instanceof HTMLHeadingElement && pointer !== finding.pointer)) {
      element.closest('details')?.setAttribute('open', '')
      element.scrollIntoView({ block: 'center' })
      element.focus()
      if (element instanceof HTMLTextAreaElement) selectPlace(element, finding)
      return
    }
    const cut = pointer.lastIndexOf('/')
    if (cut < 0) break
    pointer = pointer.slice(0, cut)
  }
  const { policyAsText, requestAsText } = get()
  if (inPolicy ? policyAsText : requestAsText) return
  change(inPolicy ? { policyAsText: true } : { requestAsText: true })
  afterPaint(() => focusOn(finding))
}

/** Findings that are shown at first: each is a stop for people who move by Tab. */
const SHOWN = 200
let showsAll = false

/** Shows all findings. The focus moves to the first that was hidden. */
function showAll(): void {
  showsAll = true
  afterPaint(() => document.querySelectorAll<HTMLElement>('.findings li button')[SHOWN]?.focus())
}

/** The plan's findings, those that stop it first. */
export function worstFirst(): Finding[] {
  const rank = Object.keys(t.findings.severities)
  return [...get().plan.summary.findings].sort((a, b) => rank.indexOf(a.severity) - rank.indexOf(b.severity))
}

export function findings(): TemplateResult {
  const list = worstFirst()
  const stopping = list.filter((f) => f.severity === 'error' || f.severity === 'blocked').length
  if (list.length <= SHOWN) showsAll = false
  const shown = showsAll ? list : list.slice(0, SHOWN)
  const warnings = list.filter((f) => f.severity === 'warning').length
  return html`<section class="findings" aria-labelledby="findings-title">
    <header class="bar">
      <h2 id="findings-title">${t.findings.title}</h2>
      <output class="counts">${t.findings.counts(plural(stopping, 'error'), plural(warnings, 'warning'))}</output>
    </header>
    ${list.length === 0
      ? html`<p class="empty">${t.findings.none}</p>`
      : html`<ul>
          ${shown.map((finding) => html`<li class=${finding.severity}>
            <button type="button" title=${t.findings.jump} @click=${() => jump(finding)}>
              <span class="mark">${t.findings.severities[finding.severity]}</span>
              <span class="message">${withCode(finding.message)}</span>
              <span class="help">${withCode(finding.help)}</span>
              <span class="place"><code>${finding.code}</code>${placeText(finding.pointer)}</span>
            </button>
          </li>`)}
        </ul>
        ${shown.length < list.length ? html`<button type="button" class="plain" @click=${showAll}>${t.findings.more(number(list.length - shown.length))}</button>` : nothing}`}
  </section>`
}
