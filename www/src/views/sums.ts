// How a run ended, and what it adds up to: one text, wherever that is shown.
import { html, nothing, type TemplateResult } from 'lit-html'
import { number, plural } from '../format'
import { t } from '../texts/runs'
import type { Outcome, Report } from '../types'
import { withCode } from './withCode'

/** A number that was measured, or that it was not. */
const measured = (n: number | null): string => (n === null ? t.rehearse.measured : number(n))

/** `Something is left over`. Not everything was deleted where the platform keeps recordings. */
export const outcomeText = (outcome: string, kept: number): string =>
  outcome === 'verified' && kept > 0 ? t.watch.verifiedBut(plural(kept, 'recording')) : (t.watch.verdicts[outcome] ?? outcome)

type Totals = Pick<Report['totals'], 'submits' | 'recordsDeleted' | 'remaining' | 'protected'>

/** `Something is left over · exit code 5`. */
export const verdict = (outcome: string, exitCode: number, { protected: kept }: Totals): string => `${outcomeText(outcome, kept)} · ${t.rehearse.exit(exitCode)}`

/** What was sent, deleted and left, and what the platform keeps, if it keeps something. */
export const sums = ({ submits, recordsDeleted, remaining, protected: kept }: Totals): [name: string, value: string][] => [
  [t.watch.facts.submits, number(submits)],
  [t.watch.facts.deleted, measured(recordsDeleted)],
  ...(kept > 0 ? [[t.watch.facts.protected, number(kept)] satisfies [string, string]] : []),
  [t.watch.facts.left, measured(remaining)],
]

/** Every outcome, best first. */
export const OUTCOMES = Object.keys(t.rehearse.outcomes) as Outcome[]

type Ended = Partial<Record<Outcome, number>>

/** How many chunks ended how, those outcomes only. */
export const endedCounts = (counts: Ended, which: readonly Outcome[]): string[] =>
  which.flatMap((outcome) => (counts[outcome] ? [`${number(counts[outcome])} ${t.rehearse.outcomes[outcome]}`] : []))

/** How many chunks ended how, and how many have not. */
export const chunkCounts = (counts: Ended, open: number): string[] =>
  [...endedCounts(counts, OUTCOMES), ...(open > 0 ? [t.watch.open(number(open))] : [])]

/** Names and values. */
export const facts = (list: readonly (readonly [name: string, value: unknown])[]): TemplateResult =>
  html`<dl>${list.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>`

/** What does not add up, if anything. */
export const problems = (list: readonly { message: string }[]): TemplateResult | typeof nothing =>
  list.length === 0 ? nothing : html`<h3>${t.rehearse.problems}</h3><ul>${list.map(({ message }) => html`<li class="error">${withCode(message)}</li>`)}</ul>`
