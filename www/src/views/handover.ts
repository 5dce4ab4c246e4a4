// Hands a plan over: files, digest, and the exact commands. This view carries nothing out itself.
import { html, nothing, type TemplateResult } from 'lit-html'
import { live } from 'lit-html/directives/live.js'
import { change, fileName, get } from '../state/store'
import { commands } from '../state/commands'
import { valueAt } from '../state/document'
import { keep, recall } from '../state/kept'
import { policyFields } from '../state/policy'
import { t } from '../texts/handover'
import { exportPlan, exportPolicy, exportRequest } from './exports'
import { copy, save } from './files'
import { clientField, clientId } from './client'
import { code } from './inspector'

const APPROVER = 'approver'

let approver = (recall(APPROVER) ?? '') as string

/** The event that the planner is invoked with. It is an approval only if it names a person. */
function exportEvent(): void {
  const file = get().plan.file()
  if (!file || approverName() === '') return
  const event = { action: 'runPlan', planFile: JSON.parse(file) as unknown, approvedBy: approverName() }
  save(`${fileName()}.event.json`, `${JSON.stringify(event, null, 2)}\n`)
}

const approverName = (): string => approver.trim()

/**
 * The run that the plan becomes, and its tenant: on another tenant, the same plan is another run. Both are empty until the client
 * is known.
 */
function runAndTenant(): { id: string; tenant: string } {
  const client = clientId()
  const wake = client === '' ? null : get().plan.wakeUp(1, client)
  return { id: wake ? ((JSON.parse(wake.body) as { runId?: string }).runId ?? '') : '', tenant: wake?.tenant ?? '' }
}

export function handOver(): TemplateResult {
  const { plan, documents } = get()
  const { digest, shortCode } = plan.summary
  if (digest === null) return html`<p class="empty">${t.handOver.noPlan}</p>`
  const { id, tenant } = runAndTenant()
  const secondPerson = valueAt(policyFields(), ['limits', 'secondPerson']) === true
  const policy = documents.policy !== null
  const { local, aws } = commands({ name: fileName(), digest, runId: id, approver: approverName(), policy, secondPerson })
  const list = (steps: [string, string][]): TemplateResult[] => steps.map(([name, text]) => html`<h4>${name}</h4>${code(name, text)}`)
  return html`<p class="quiet">${t.handOver.help}</p>
    <p class="whole"><strong class="digest">${shortCode}</strong> <code>${digest}</code>
      <button type="button" class="plain" aria-label=${t.copyDigest} @click=${() => void copy(digest)}>${t.inspector.copy}</button></p>
    <div class="field"><label for="approver">${t.handOver.approver}</label>
      <input id="approver" type="text" autocomplete="off" placeholder=${t.handOver.someone}
        aria-describedby="approver-help" .value=${live(approver)}
        @input=${(event: Event) => {
          approver = (event.target as HTMLInputElement).value
          keep(APPROVER, approver)
          change({})
        }} /><small id="approver-help">${approverName() === '' ? t.handOver.nobody : nothing}</small></div>
    ${clientField('client')}
    <h3>${t.handOver.files}</h3>
    <p class="group">
      <button type="button" class="plain" @click=${exportPlan}>${t.handOver.plan}</button>
      <button type="button" class="plain" @click=${exportRequest}>${t.handOver.request}</button>
      <button type="button" class="plain" ?disabled=${documents.policy === null} @click=${exportPolicy}>${t.handOver.policy}</button>
      <button type="button" class="plain" ?disabled=${approverName() === ''} @click=${exportEvent}>${t.handOver.event}</button>
    </p>
    <h3>${t.handOver.local}</h3>${policy ? html`<p class="quiet">${t.handOver.later}</p>` : nothing}${list(local)}
    <p class="quiet">${tenant === '' ? t.handOver.noRun : t.handOver.verifyHelp(tenant)}</p>
    <h3>${t.handOver.aws}</h3><p class="quiet">${t.handOver.awsHelp} ${secondPerson ? t.handOver.byInvoking : t.handOver.byUpload}</p>${list(aws)}`
}
