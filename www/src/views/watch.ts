// Watch: the runs in the server's ledger, one of them live, and the actions on it.
import { html, nothing, type TemplateResult } from 'lit-html'
import { ref } from 'lit-html/directives/ref.js'
import { Chart } from '../draw/chart'
import { clock, instant, length, number, plural } from '../format'
import { isLocked, isServed, lookForServer, server } from '../state/served'
import { change, get, say, show } from '../state/store'
import { current, enter, KINDS, leave, open, refusals, reset, runs, silent, type Watched } from '../state/watch'
import type { RunFacts, Standing } from '../state/answers'
import { t, type Shared } from '../texts/runs'
import type { ChunkView, Finding } from '../types'
import { confirm } from './confirm'
import { check } from './evidence'
import { copy } from './files'
import { equation } from './frame'
import { chartSection, readoutWriter } from './lanes'
import { log } from './log'
import { chunkCounts, endedCounts, facts, heldHelp, OUTCOMES, problems, sums as summed, verdict } from './sums'
import { withCode } from './withCode'
import { why } from './why'
import '../style/watch.css'

/** The most records of the log that are shown. */
const SHOWN = 120
/** Milliseconds between two updates of the countdowns. */
const SECOND = 1000

let chart: Chart | null = null
let ticking: ReturnType<typeof setInterval> | undefined
const canvasAt = ref((element) => {
  chart?.end()
  chart = element instanceof HTMLCanvasElement ? new Chart(element, { choose: choose, read: readoutWriter(element, 'lanes-readout', () => current?.lanes.now ?? 0) }) : null
})

/** Chooses a past time to read on the lanes. Watched runs have no future. */
function choose(at: number | null): void {
  if (current) current.lanes.cursor = at !== null && at < current.lanes.now ? at : null
  paint()
}

const shown = (): boolean => get().view === 'watch'
const paint = (): void => {
  if (shown()) change({})
}

/** Fetches the list and updates the countdowns while the view is shown. */
function startWatching(): void {
  if (ticking !== undefined || !isServed()) return
  void enter(paint)
  ticking = setInterval(() => {
    if (shown()) {
      paint()
      return
    }
    clearInterval(ticking)
    ticking = undefined
    leave()
  }, SECOND)
}

/** The server may be another one or have been started again, so everything is asked for anew. */
export function renew(): void {
  clearInterval(ticking)
  ticking = undefined
  reset()
}

export function drawWatch(): void {
  if (!chart || !current) return
  if (current.facts?.carried) current.lanes.extendTo(current.now)
  else current.lanes.stop()
  chart.show(current.lanes)
}

export function watchView(): TemplateResult {
  startWatching()
  void lookForServer(paint)
  if (isLocked()) return teach(t.watch.locked)
  if (!isServed()) return teach(t.watch.notServed)
  return html`<div class="watch">
    <div class="side">${list()}</div>
    <div class="main">
      ${silent ? html`<p class="error" role="alert">${t.watch.silent} ${t.watch.silentHelp}</p>` : nothing}
      ${refusalList(refusals)}
      ${current ? runSection(current) : empty()}
    </div>
  </div>`
}

function teach(text: { title: string; why: string; steps: [string, string][]; after: string }): TemplateResult {
  return html`<section class="page" aria-labelledby="watch-title">
    <h2 id="watch-title">${text.title}</h2>
    <p>${text.why}</p>
    ${text.steps.map(([name, command]) => html`<h3>${name}</h3><div class="code"><pre tabindex="0" aria-label=${name}>${command}</pre>
      <button type="button" class="plain" @click=${() => void copy(command)}>${t.inspector.copy}</button></div>`)}
    <p class="quiet">${text.after}</p>
  </section>`
}

function empty(): TemplateResult {
  return html`<p class="empty">${runs === null ? t.watch.loading : t.watch.noRuns}</p>`
}

function refusalList(findings: Finding[]): TemplateResult | typeof nothing {
  if (findings.length === 0) return nothing
  return html`<div role="alert"><ul class="refused">${findings.map((f) => html`<li class=${f.severity}>
    <span class="mark">${t.findings.severities[f.severity]}</span> ${withCode(f.message)} ${f.help ? html`<small>${withCode(f.help)}</small>` : nothing} <code>${f.code}</code></li>`)}</ul></div>`
}

const endedChunks = (run: RunFacts): number => run.chunks - run.open

/** How many chunks had each outcome, best first. */
const tally = (run: RunFacts): string => chunkCounts(run.ended, run.open).join(' · ')

const hasFailures = (run: RunFacts): boolean => Object.keys(run.ended).some((outcome) => outcome !== 'verified')

const mood = (run: RunFacts): string => (run.standing === 'ended' ? (hasFailures(run) ? 'bad' : 'good') : run.standing)

function badge(standing: Standing, run: RunFacts): TemplateResult {
  const word = standing === 'ended' && !hasFailures(run) ? t.watch.allVerified : t.watch.standings[standing]
  return html`<span class="badge ${mood(run)}">${word}</span>`
}

function list(): TemplateResult {
  return html`<section class="runs" aria-labelledby="runs-title">
    <header class="bar"><h2 id="runs-title">${t.watch.runs}</h2>${runs ? html`<span class="quiet">${number(runs.length)}</span>` : nothing}</header>
    ${runs?.length === 0 ? html`<p class="empty">${t.watch.noRuns}</p>` : nothing}
    <ul>${(runs ?? []).map((run) => html`<li><button type="button" aria-current=${current?.id === run.runId ? 'true' : nothing}
      @click=${() => void open(run.runId)}>
      <span class="name" dir="auto">${run.name}</span> ${badge(run.standing, run)}
      <span class="of"><progress aria-hidden="true" max=${run.chunks} value=${endedChunks(run)}></progress>
        <span>${t.rehearse.ended(number(endedChunks(run)), number(run.chunks))}</span></span>
      <small class="facts"><code>${run.shortCode}</code> <span>${run.simulated ? t.watch.simulated : run.tenant}</span> <time datetime=${run.updatedAt}>${instant(wholeSecond(run.updatedAt))}</time></small>
    </button></li>`)}</ul>
    <p class="quiet">${t.watch.ledger(server()?.ledger ?? '')}</p>
  </section>`
}

const wholeSecond = (text: string): number => Math.floor(Date.parse(text) / 1000) * 1000

function runSection(watched: Watched): TemplateResult {
  const { facts: run } = watched
  if (!run) return html`${refusalList(watched.problem)}<p class="empty">${t.watch.loading}</p>`
  return html`<section class="run" aria-labelledby="run-title">
    <header class="bar">
      <h2 id="run-title" dir="auto">${run.name}</h2>
      ${badge(run.standing, run)} ${connection(watched)}
      <span class="group actions">${actions(watched, run)}</span>
    </header>
    <p class="tally"><strong>${tally(run)}</strong> <span class="quiet">${carrierText(run)}</span></p>
    <p class="news quiet" role="status">${withCode(watched.news)}</p>
    ${refusalList(watched.problem)}
    ${run.trouble.length > 0 ? html`<div class="trouble"><h3>${t.watch.trouble}</h3>${refusalList(run.trouble)}</div>` : nothing}
  </section>
  ${lanesSection(watched)} ${outcome(watched, run)}
  ${chunks(watched, run)}
  <div class="lower">${factsSection(watched, run)} ${audit(watched)}</div>`
}

function carrierText(run: RunFacts): string {
  if (run.carried !== null) return t.watch.carried[run.carried]
  if (run.standing === 'stopped') return run.served ? t.watch.stoppedHelp : t.watch.elsewhere(run.tenant)
  return ''
}

function connection(watched: Watched): TemplateResult {
  const word = watched.connection === 'reconnecting'
    ? t.watch.stale(clock(watched.heard + watched.skew))
    : t.watch.connections[watched.connection]
  return html`<span class="connection ${watched.connection}" role="status">${word}</span>`
}

function actions(watched: Watched, run: RunFacts): TemplateResult {
  const where = run.simulated ? t.watch.onSimulated : t.watch.onTenant(run.tenant)
  const cancel = (): void => confirm({
    title: t.watch.cancel.title(run.name), text: [t.watch.cancel.what(plural(run.open, 'chunk')), t.watch.cancel.stays, where],
    yes: t.watch.cancel.yes, no: t.watch.cancel.no, danger: true, signed: true,
    act: (name) => watched.act('cancel', { askedBy: name }),
  })
  const resume = (): void => confirm({
    title: t.watch.resume.title(run.name), text: [t.watch.resume.what(plural(run.open, 'chunk'), run.approvedBy), where],
    yes: t.watch.resume.yes, no: t.watch.resume.no, danger: !run.simulated, act: () => watched.act('resume'),
  })
  const which = endedCounts(run.ended, OUTCOMES.filter((outcome) => outcome !== 'verified'))
  // What is shown may be outdated, so nothing can be done with it.
  const stale = watched.connection !== 'live'
  return html`
    ${run.can.resume ? html`<button type="button" class="primary" ?disabled=${stale} @click=${resume}>${t.watch.resume.open}</button>` : nothing}
    ${run.can.retry ? html`<button type="button" class="plain" ?disabled=${stale} @click=${() => askToRetry(watched, run, [], t.sentence.and(which))}>${t.watch.retry.open}</button>` : nothing}
    ${run.can.cancel ? html`<button type="button" class="plain danger" ?disabled=${stale} @click=${cancel}>${t.watch.cancel.open}</button>` : nothing}`
}

function askToRetry(watched: Watched, run: RunFacts, only: number[], which: string): void {
  const where = run.simulated ? t.watch.onSimulated : t.watch.onTenant(run.tenant)
  confirm({
    title: only.length === 0 ? t.watch.retry.title(run.name) : t.watch.retry.titleOne(String(only[0])),
    text: [t.watch.retry.what(which, run.approvedBy), where],
    yes: t.watch.retry.yes, no: t.watch.retry.no, danger: !run.simulated, signed: true,
    act: (name) => watched.act('retry', { askedBy: name, chunks: only }),
  })
}

function lanesSection(watched: Watched): TemplateResult {
  const { lanes } = watched
  if (lanes.begun === 0) return html`<p class="empty">${t.watch.noRecords}</p>`
  const label = t.watch.lanesLabel(plural(lanes.lanes, 'lane'), instant(lanes.begun), instant(wholeSecond(new Date(lanes.now).toISOString())))
  return chartSection({ title: t.watch.lanes, label, canvasAt, readout: 'lanes-readout', chart: () => chart })
}

/** How the run ended, and its evidence. */
function outcome(watched: Watched, run: RunFacts): TemplateResult | typeof nothing {
  const { sums, detail } = watched
  // Sums from before the end say nothing about it.
  if (run.standing !== 'ended' || run.carried !== null || !sums || sums.outcome === 'open') return nothing
  const evidence = detail?.evidence ?? null
  return html`<section class="report" aria-labelledby="outcome-title">
    <header class="bar"><h2 id="outcome-title">${t.watch.outcome}</h2>
      ${evidence ? html`<button type="button" class="plain" @click=${() => void prove(watched)}>${t.watch.prove}</button>
        <button type="button" class="plain" @click=${() => void copy(evidence.digest)}>${t.watch.copyManifest}</button>` : nothing}</header>
    <p class="verdict ${sums.exitCode === 0 ? 'good' : 'bad'}">${verdict(sums.outcome, sums.exitCode, sums.totals)}</p>
    ${evidence ? html`<p class="quiet">${t.watch.evidence} <code>${evidence.folder}</code> · ${t.watch.manifest} <code>${evidence.digest}</code></p>` : nothing}
    ${problems(sums.problems)} ${heldHelp(run.ended)}
  </section>`
}

async function prove(watched: Watched): Promise<void> {
  const files = await watched.evidence().catch(() => null)
  if (files === null || files.length === 0) {
    say(t.watch.noEvidence)
    return
  }
  show('evidence')
  await check(files)
}

const count = (n: number | null): string => (n === null ? '–' : number(n))

function chunks(watched: Watched, run: RunFacts): TemplateResult {
  const rows = watched.page.flatMap((index) => watched.views.get(index) ?? [])
  const kept = rows.some((view) => (view.protected ?? 0) > 0)
  const heads = [
    t.table.columns.number, t.watch.window, t.rehearse.state, t.rehearse.attempt, t.watch.because, t.watch.nextTry, t.rehearse.submits, t.rehearse.before,
    t.rehearse.deleted, ...(kept ? [t.watch.protected] : []), t.watch.left, '',
  ]
  return html`<section class="states" aria-labelledby="states-title">
    <header class="bar"><h2 id="states-title">${t.rehearse.chunks}</h2>
      <div class="tabs" role="group" aria-labelledby="states-title">${KINDS.map((kind) => html`<button type="button"
        aria-pressed=${watched.kind === kind} @click=${() => void watched.choose(kind)}>${t.watch.kinds[kind]}</button>`)}</div>
      ${watched.before.length > 0 || watched.next !== null
        ? html`<span class="group"><button type="button" class="plain" ?disabled=${watched.before.length === 0} @click=${() => void watched.back()}>${t.watch.back}</button>
            <button type="button" class="plain" ?disabled=${watched.next === null} @click=${() => void watched.forward()}>${t.watch.forward}</button></span>`
        : nothing}</header>
    <div class="scroll" tabindex="0" role="group" aria-label=${t.rehearse.chunks}><table>
      <thead><tr>${heads.map((head) => html`<th scope="col">${head || html`<span class="unseen">${t.watch.retry.column}</span>`}</th>`)}</tr></thead>
      <tbody>${rows.map((view) => row(watched, run, view, kept))}</tbody>
    </table>${rows.length === 0 ? html`<p class="empty">${t.watch.noneOfKind[watched.kind]}</p>` : nothing}</div>
  </section>`
}

function row(watched: Watched, run: RunFacts, view: ChunkView, kept: boolean): TemplateResult {
  const { index, window } = view.chunk
  const state = view.outcome ? t.rehearse.outcomes[view.outcome] : (t.rehearse.states[view.state] ?? view.state)
  const percent = view.outcome === null && view.percent !== null ? ` ${view.percent} %` : ''
  const because = why(view, shared(watched, run, index))
  const context = view.cause?.contextId ?? view.cause?.correlationId
  return html`<tr class=${view.outcome ?? ''}>
    <td>${index}</td>
    <td>${instant(Date.parse(window.start))} – ${instant(Date.parse(window.end))}</td>
    <td><span class="mark">${state}${percent}</span></td>
    <td>${view.attempt}</td>
    <td>${withCode(because)}${view.cause ? html` <code>${view.cause.code}</code>` : nothing}${context ? html` <small>${t.watch.support(context)}</small>` : nothing}</td>
    <td>${view.due && view.outcome === null ? countdown(watched, Date.parse(view.due)) : ''}</td>
    <td>${view.submits}</td><td>${count(view.before)}</td><td>${count(view.recordsDeleted)}</td>
    ${kept ? html`<td>${count(view.protected)}</td>` : nothing}<td>${count(view.remaining)}</td>
    <td>${run.can.retry && view.outcome !== null && view.outcome !== 'verified'
      ? html`<button type="button" class="plain" ?disabled=${watched.connection !== 'live'} aria-label=${t.watch.retry.one(String(index))} @click=${() => askToRetry(watched, run, [index], t.watch.retry.chunk(String(index), state))}>${t.watch.retry.short}</button>`
      : nothing}</td>
  </tr>`
}

/** What is known about the resources that this chunk may wait for. */
function shared(watched: Watched, run: RunFacts, chunk: number): Shared {
  const perMinute = watched.detail?.limits.requestsPerMinute
  const { slots } = run
  const own = (one: { runId: string; chunk: number }): boolean => one.runId === run.runId && one.chunk === chunk
  return {
    ...(perMinute === undefined ? {} : { requestsPerMinute: perMinute }),
    ...(slots === null ? {} : {
      slots: {
        of: slots.of, own: slots.holders.some(own),
        holders: slots.holders.map((one) => ({ chunk: one.chunk, run: one.runId === run.runId ? null : one.name })),
      },
    }),
  }
}

/** The time left by the server's clock, never below zero. */
function countdown(watched: Watched, due: number): string {
  const ms = due - watched.now
  return ms <= 0 ? t.watch.now : t.watch.in(length(Math.ceil(ms / 1000) * 1000))
}

/** Who did something, and when. */
const signature = (by: string, at: string): string => `${by}, ${instant(wholeSecond(at))} UTC`

function factsSection(watched: Watched, run: RunFacts): TemplateResult {
  const { detail, sums } = watched
  const list: [string, unknown][] = [
    [t.watch.facts.run, html`<code>${run.runId}</code>`],
    [t.watch.facts.plan, html`<code>${run.planDigest}</code>`],
    [t.watch.facts.tenant, run.simulated ? html`<strong class="warning">${run.tenant}</strong>` : run.tenant],
    [t.watch.facts.requested, run.requestedBy],
    [t.watch.facts.approved, signature(run.approvedBy, run.approvedAt)],
    ...(run.cancelAsked === null ? [] : [[t.watch.facts.cancelled, signature(run.cancelAskedBy ?? '', run.cancelAsked)] as [string, string]]),
    [t.watch.facts.reason, detail?.request.reason ?? ''],
    [t.watch.facts.compliance, detail?.complianceNote ?? ''],
    ...(sums ? summed(sums.totals) : []),
    [t.watch.facts.messages, sums ? t.watch.messages(sums.messages) : '–'],
  ]
  const a = detail?.accounting
  return html`<section aria-labelledby="facts-title">
    <header class="bar"><h2 id="facts-title">${t.watch.facts.title}</h2></header>
    ${a ? html`<p>${equation(a)}</p>` : nothing}
    ${facts(list)}
  </section>`
}

function audit(watched: Watched): TemplateResult {
  const lines = watched.lines.slice(-SHOWN).reverse()
  return html`<section class="audit" aria-labelledby="audit-title">
    <header class="bar"><h2 id="audit-title">${t.rehearse.audit}</h2>
      ${lines.length < watched.lines.length ? html`<span class="quiet">${t.rehearse.oldest(number(lines.length))}</span>` : nothing}</header>
    ${log(lines.map(({ record }) => ({ at: Date.parse(record.timestamp), chunk: record.chunk, kind: record.event.kind, status: record.status, text: JSON.stringify(record) })))}
  </section>`
}

