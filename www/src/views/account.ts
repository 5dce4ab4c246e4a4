// What a run did, as its evidence tells it, for the person who signs the check.
import { html, type TemplateResult } from 'lit-html'
import { instant, number, plural } from '../format'
import { textAt, valueAt } from '../state/document'
import type { PlanAndManifest } from '../state/evidence'
import { t } from '../texts/runs'
import type { Told } from '../types'
import { facts, outcomeText } from './sums'

type Fact = [name: string, value: string]

/** Whether absence rests on a sample, because not every recording is looked up. */
export const isSampled = ({ request }: PlanAndManifest): boolean => textAt(request, ['api']) === 'recordingJobs'

const time = (text: string): string => instant(Date.parse(text))

/** Who asked for what, why, and in whose name it was approved. */
function requestFacts({ tenant, jurisdiction, approvedBy, approvedAt }: Told, { request }: PlanAndManifest): Fact[] {
  const words = t.evidence.account
  const said = (...path: string[]): string => textAt(request, path)
  const kinds = valueAt(request, ['recordTypes'])
  const fact = (name: string, value: string): Fact[] => (value === '' ? [] : [[name, value]])
  return [
    ...fact(words.purge, said('name')),
    [words.tenant, tenant],
    [words.jurisdiction, words.asRequested(jurisdiction)],
    [t.form.api, (t.form.apis as Record<string, string>)[said('api')] ?? said('api')],
    [words.types, (Array.isArray(kinds) ? kinds : []).map((kind) => t.sentence.records[String(kind)] ?? String(kind)).join(', ')],
    [words.range, words.fromTo(time(said('range', 'start')), time(said('range', 'end')))],
    ...fact(words.query, said('query')),
    ...fact(words.override, said('retentionOverride') && words.overrode(said('retentionOverride', 'reason'), said('retentionOverride', 'approver'))),
    [words.requestedBy, said('requestedBy')],
    [words.reason, said('reason')],
    [t.evidence.approval, t.evidence.approved(approvedBy, time(approvedAt))],
  ]
}

/** What came of it. What was not measured is not shown as zero. */
function resultFacts(outcome: string, { recordsDeleted, remaining, protected: kept, chunks }: Told, files: PlanAndManifest): Fact[] {
  const words = t.evidence.account
  const one = isSampled(files) ? 'recording' : 'record'
  const measured = (n: number | null): string => (n === null ? words.notMeasured : plural(n, one))
  return [
    [words.outcome, outcome === 'verified' && isSampled(files) ? words.inSample(outcomeText(outcome, kept)) : outcomeText(outcome, kept)],
    [words.deleted, measured(recordsDeleted)],
    [words.left, measured(remaining)],
    ...(kept > 0 ? [[t.watch.facts.protected, number(kept)] satisfies Fact] : []),
    [words.chunks, words.parts(number(chunks))],
  ]
}

export function account(outcome: string, told: Told, files: PlanAndManifest): TemplateResult {
  return html`<h3>${t.evidence.account.title}</h3>${facts([...requestFacts(told, files), ...resultFacts(outcome, told, files)])}`
}

/** How absence was looked for, and what that does not cover. */
export function absence({ byOutcome }: Told, files: PlanAndManifest): TemplateResult {
  const words = t.evidence.absence
  // A chunk with any other outcome has deleted nothing, or did not get as far as the look.
  if (byOutcome.verified + byOutcome.residual + byOutcome.unknown === 0) return html`<p>${words.none}</p>`
  const how = isSampled(files)
    ? words.recordingJobs(number(Number(valueAt(files.policy, ['limits', 'verifyConversations']) ?? 0)))
    : words.dataDeletion
  return html`<p>${how} ${words.reach}</p>`
}
