// Carries a plan out from the page: the user types the short code and names the approver; the server accepts or refuses.
import { html, nothing, type TemplateResult } from 'lit-html'
import { server } from '../state/served'
import { change, get, show } from '../state/store'
import { execute } from '../state/watch'
import { t } from '../texts/execute'
import type { Finding } from '../types'
import { sentence } from './frame'
import { dismiss } from './modal'
import { withCode } from './withCode'
import '../style/watch.css'

let sending = false
let findings: Finding[] = []

const field = (id: string): string => (document.getElementById(id) as HTMLInputElement).value

async function submit(event: Event): Promise<void> {
  event.preventDefault()
  const { plan } = get()
  const planFile = plan.file()
  const { digest } = plan.summary
  if (sending || server() === null || planFile === null || digest === null) return
  sending = true
  findings = []
  change({})
  const refused = await execute({ planFile, digest, shortCode: field('execute-code'), approver: field('execute-approver') })
  sending = false
  findings = refused ?? []
  if (refused === null) {
    dismiss()
    show('watch')
  }
  else change({})
}

/** Forgets earlier refusals. */
export function forgetRefusals(): void {
  findings = []
}

export function executeForm(): TemplateResult {
  const { summary } = get().plan
  const about = server()
  const where = about === null ? t.execute.unknown : about.simulated ? t.execute.simulated : t.execute.tenant(about.tenant ?? '')
  const warnings = summary.findings.filter((finding) => finding.severity === 'warning')
  return html`<form class="execute" @submit=${(event: Event) => void submit(event)}>
    <p class=${about?.simulated ? 'simulated' : 'earnest'}><strong>${where}</strong></p>
    <p>${sentence()}</p>
    ${warnings.length > 0
      ? html`<div class="warnings" tabindex="0" role="group" aria-label=${t.execute.warnings(warnings.length)}>
          <ul>${warnings.map((w) => html`<li class="warning">${withCode(w.message)}</li>`)}</ul></div>`
      : nothing}
    <p>${t.execute.code} <strong class="digest">${summary.shortCode}</strong></p>
    <div class="field"><label for="execute-code">${t.execute.type}</label>
      <input id="execute-code" type="text" autocomplete="off" spellcheck="false" autocapitalize="off" required autofocus
        aria-describedby=${findings.length > 0 ? 'execute-refused' : nothing} aria-invalid=${findings.length > 0 ? 'true' : nothing} /></div>
    <div class="field"><label for="execute-approver">${t.execute.approver}</label>
      <input id="execute-approver" type="text" autocomplete="off" required placeholder="dpo@example.com" /></div>
    ${findings.length > 0 ? html`<div id="execute-refused" role="alert">${findings.map((f) => html`<p><span class="error">${withCode(f.message)}</span> <code>${f.code}</code> ${f.help ? html`<small>${withCode(f.help)}</small>` : nothing}</p>`)}</div>` : nothing}
    <div class="answers"><button type="button" class="plain" @click=${dismiss}>${t.execute.no}</button>
      <button type="submit" class=${about?.simulated ? 'primary' : 'primary danger'} ?disabled=${sending || about === null}>${sending ? t.execute.sending : about?.simulated ? t.execute.yesSimulated : t.execute.yes}</button></div>
  </form>`
}
