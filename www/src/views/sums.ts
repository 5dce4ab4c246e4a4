// How a run ended, and its sums: the same texts wherever they are shown.
import { html, nothing, type TemplateResult } from 'lit-html'
import { number, plural } from '../format'
import { t } from '../texts/runs'
import type { Outcome, Report } from '../types'
import { withCode } from './withCode'

/** A number, or that it was not measured. */
const measured = (n: number | null): string => (n === null ? t.rehearse.measured : number(n))

/** The outcome in words, such as `Something is left over`. Where the platform keeps recordings, not everything was deleted. */
export const outcomeText = (outcome: string, kept: number): string =>
  outcome === 'verified' && kept > 0 ? t.watch.verifiedBut(plural(kept, 'recording')) : (t.watch.verdicts[outcome] ?? outcome)

type Totals = Pick<Report['totals'], 'submits' | 'recordsDeleted' | 'remaining' | 'protected'>

/** For example `Something is left over · exit code 5`. */
export const verdict = (outcome: string, exitCode: number, { protected: kept }: Totals): string => `${outcomeText(outcome, kept)} · ${t.rehearse.exit(exitCode)}`

/** What was sent, deleted and left, and what the platform keeps, if anything. */
export const sums = ({ submits, recordsDeleted, remaining, protected: kept }: Totals): [name: string, value: string][] => [
  [t.watch.facts.submits, number(submits)],
  [t.watch.facts.deleted, measured(recordsDeleted)],
  ...(kept > 0 ? [[t.watch.facts.protected, number(kept)] satisfies [string, string]] : []),
  [t.watch.facts.left, measured(remaining)],
]

/** Every outcome, best first. */
export const OUTCOMES = Object.keys(t.rehearse.outcomes) as Outcome[]

type Ended = Partial<Record<Outcome, number>>

/** How many chunks had each of these outcomes. */
export const endedCounts = (counts: Ended, which: readonly Outcome[]): string[] =>
  which.flatMap((outcome) => (counts[outcome] ? [`${number(counts[outcome])} ${t.rehearse.outcomes[outcome]}`] : []))

/** How many chunks had each outcome, and how many have not ended. */
export const chunkCounts = (counts: Ended, open: number): string[] =>
  [...endedCounts(counts, OUTCOMES), ...(open > 0 ? [t.watch.open(number(open))] : [])]

/** What helps with chunks that a hold stopped. */
export const heldHelp = ({ held = 0 }: Ended): TemplateResult | typeof nothing => (held > 0 ? html`<p>${t.watch.heldHelp}</p>` : nothing)

/** A list of names and values. */
export const facts = (list: readonly (readonly [name: string, value: unknown])[]): TemplateResult =>
  html`<dl>${list.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>`

/** What does not add up, if anything. */
export const problems = (list: readonly { message: string }[]): TemplateResult | typeof nothing =>
  list.length === 0 ? nothing : html`<h3>${t.rehearse.problems}</h3><ul>${list.map(({ message }) => html`<li class="error">${withCode(message)}</li>`)}</ul>`
