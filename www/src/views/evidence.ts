// Evidence: files dropped here are checked here, in pieces, so that the page stays responsive.
import { html, nothing, type TemplateResult } from 'lit-html'
import { verifyEvidence } from '../core'
import { bytes, instant, measuredTime, number, plural } from '../format'
import { textAt } from '../state/document'
import { evidenceFolders, filesForCore, firstProblem, logOf, MANIFEST, readPlanAndManifest, type Folder, type GivenFile, type PlanAndManifest } from '../state/evidence'
import { change, get } from '../state/store'
import { t } from '../texts/runs'
import type { Check, EvidenceVerdict } from '../types'
import { absence, account, isSampled } from './account'
import { madeNow, signatures } from './sheet'
import { chunkCounts, facts, OUTCOMES } from './sums'
import { withCode } from './withCode'

interface Progress {
  done: number
  all: number
  /** The result, once everything has been checked. */
  verdict: EvidenceVerdict | null
  /** What the plan and the manifest say, if both are there and everything holds. */
  planAndManifest: PlanAndManifest | null
  badLine: Line | null
  /** Why nothing could be checked. */
  problem: string
  ms: number
}

/** Milliseconds between two paintings of the progress. */
const PAINT = 50
/** The most characters of a bad line that are shown. */
const READ = 4096

let progress: Progress | null = null
/** Evidence of several runs, to choose from. */
let several: Folder[] = []
let chosen: Folder | null = null
/** The digest that the user kept when the run printed it, and the text of its field. */
let kept = ''
let typed = ''
let latest = 0
let stop = new AbortController()

function paint(): void {
  if (get().view === 'evidence') change({})
}

export async function checkContent(name: string, content: BlobPart): Promise<void> {
  await check([new File([content], name)])
}

export async function check(files: readonly File[]): Promise<void> {
  await takeFiles(files.map((file) => ({ path: file.webkitRelativePath || file.name, file })))
}

/** Checks the evidence among these files if it is of one run; otherwise lets the user choose. */
async function takeFiles(given: readonly GivenFile[]): Promise<void> {
  const found = evidenceFolders(given)
  latest += 1
  stop.abort()
  several = found.length > 1 ? found : []
  chosen = null
  setKeptDigest('')
  progress = null
  if (found[0] && found.length === 1) await checkFolder(found[0])
  else if (found.length === 0) progress = { ...NOTHING, problem: t.evidence.noLog }
  paint()
}

const NOTHING: Progress = { done: 0, all: 0, verdict: null, planAndManifest: null, badLine: null, problem: '', ms: 0 }

async function checkFolder(folder: Folder): Promise<void> {
  const turn = (latest += 1)
  stop.abort()
  stop = new AbortController()
  chosen = folder
  const log = logOf(folder)
  const state: Progress = { ...NOTHING, all: log?.size ?? 0 }
  progress = state
  paint()
  const started = performance.now()
  try {
    const each = throttled((done) => (state.done = done))
    const verdict = await verifyEvidence(filesForCore(folder), kept === '' ? null : kept, each, stop.signal)
    const line = verdict.log.bad?.line ?? null
    state.badLine = log === null || line === null ? null : await lineOf(log, line)
    state.ms = performance.now() - started
    if (verdict.holds && verdict.summary !== null) state.planAndManifest = await readPlanAndManifest(folder)
    state.verdict = verdict
  } catch (why) {
    if (turn === latest) state.problem = String(why)
  }
  if (turn === latest) paint()
}

/** Passes progress on, and paints it no more often than people can see. */
function throttled(tell: (done: number) => void): (done: number) => void {
  let painted = performance.now()
  return (done) => {
    tell(done)
    if (performance.now() - painted < PAINT) return
    painted = performance.now()
    paint()
  }
}

interface Line {
  /** How it begins. */
  text: string
  /** Its length in characters. */
  length: number
}

async function lineOf(file: File, number: number): Promise<Line | null> {
  let seen = 1
  const line: Line = { text: '', length: 0 }
  const reader = file.stream().pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return seen === number ? line : null
    const pieces = value.split('\n')
    for (const [place, piece] of pieces.entries()) {
      if (place > 0) {
        if (seen === number) {
          await reader.cancel()
          return line
        }
        seen += 1
      }
      if (seen === number) {
        line.text += piece.slice(0, READ - line.text.length)
        line.length += piece.length
      }
    }
  }
}

const dropped = (event: DragEvent): void => void fromDrop(event).catch((why: unknown) => {
  progress = { ...NOTHING, problem: String(why) }
  paint()
})

async function fromDrop(event: DragEvent): Promise<void> {
  event.preventDefault()
  const items = [...(event.dataTransfer?.items ?? [])].map((item) => item.webkitGetAsEntry())
  const flat = [...(event.dataTransfer?.files ?? [])]
  const given: GivenFile[] = []
  for (const [place, entry] of items.entries()) {
    const file = flat[place]
    if (entry?.isDirectory) given.push(...(await filesIn(entry as FileSystemDirectoryEntry)))
    else if (file) given.push({ path: file.name, file })
  }
  await takeFiles(given.length > 0 ? given : flat.map((file) => ({ path: file.name, file })))
}

/** All files in a folder and its subfolders. A browser lists a hundred entries at a time. */
async function filesIn(folder: FileSystemDirectoryEntry): Promise<GivenFile[]> {
  const reader = folder.createReader()
  const given: GivenFile[] = []
  for (;;) {
    const entries = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject))
    if (entries.length === 0) return given
    for (const entry of entries) {
      if (entry.isDirectory) given.push(...(await filesIn(entry as FileSystemDirectoryEntry)))
      else {
        const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject))
        given.push({ path: entry.fullPath.replace(/^\//, ''), file })
      }
    }
  }
}

function choose(folder: boolean): void {
  const input = document.createElement('input')
  input.type = 'file'
  input.multiple = true
  if (folder) input.webkitdirectory = true
  input.addEventListener('change', () => void check([...(input.files ?? [])]))
  input.click()
}

/** How the chunks of sound evidence ended, about which soundness says nothing. A log alone does not show which chunks never began. */
function endings({ log, summary }: EvidenceVerdict, files: PlanAndManifest | null, onPaper: boolean): TemplateResult {
  const { ended, chains, others } = log
  const open = chains - OUTCOMES.reduce((sum, outcome) => sum + (ended[outcome] ?? 0), 0)
  const never = summary === null ? 0 : summary.chunks - chains
  const more = chains - (ended.verified ?? 0) - others.length
  const seen = [...OUTCOMES.filter((outcome) => ended[outcome]), ...(open > 0 ? ['open'] as const : []), ...(never > 0 ? ['neverBegan'] as const : [])]
  const names = { ...t.rehearse.outcomes, open: t.evidence.open, neverBegan: t.evidence.neverBegun }
  return html`<p class=${others.length === 0 && never === 0 ? '' : 'warning'}>${t.evidence.ended([...chunkCounts(ended, open), ...(never > 0 ? [t.evidence.neverBegan(number(never))] : [])])}</p>
    ${facts(seen.map((end) => [names[end], end !== 'verified' ? t.evidence.endHelp[end] : files === null ? t.evidence.perhapsSampled : isSampled(files) ? t.evidence.sampled : t.evidence.endHelp[end]]))}
    ${others.length === 0 ? nothing : html`<details ?open=${onPaper}><summary>${t.evidence.others}</summary>
      <ul class="chips">${others.map(({ chunk, outcome }) => html`<li>${t.evidence.chunk(number(chunk), outcome === null ? t.evidence.notEnded : t.rehearse.outcomes[outcome])}</li>`)}
        ${more > 0 ? html`<li class="quiet">${t.more(number(more))}</li>` : nothing}</ul></details>`}`
}

/** Whether the manifest is the one that the user kept. The checks include that only if its digest was given. */
function comparison(checks: readonly Check[]): TemplateResult {
  const done = checks.some(({ name }) => name === 'manifest')
  return html`<p class=${done ? '' : 'warning'}>${done ? t.evidence.compared : t.evidence.notCompared}</p>`
}

function verdict({ badLine: line, ms, all, planAndManifest: files }: Progress, found: EvidenceVerdict, onPaper = false): TemplateResult {
  const { evidenceDigest, checks, log, summary, outcome } = found
  const wrong = firstProblem(found)
  const when = (text: string | null): string => (text === null ? '–' : instant(Date.parse(text)))
  const told = summary !== null && files !== null && outcome !== null ? account(outcome, summary, files) : null
  const which: [string, string][] = [
    ...(evidenceDigest === null ? [] : [[t.evidence.manifestDigest, evidenceDigest] satisfies [string, string]]),
    [t.evidence.run, log.runId ?? '–'],
    [t.evidence.plan, log.planDigest ?? '–'],
    ...(told === null ? [[t.evidence.approval, log.approvedBy.length === 0 ? '–' : t.evidence.approved(t.sentence.and(log.approvedBy), null)] satisfies [string, string]] : []),
    [t.evidence.span, t.evidence.fromTo(when(log.from), when(log.until))],
  ]
  const small: [string, string][] = [
    ...(files?.program ? [[t.evidence.program, files.program] satisfies [string, string]] : []),
    [t.evidence.records, number(log.records)],
    [t.evidence.lines, number(log.lines)],
    [t.evidence.size, bytes(all)],
    [t.evidence.took, measuredTime(ms)],
  ]
  return html`<p class="verdict ${wrong === null ? 'good' : 'bad'}" role="status">${wrong === null
      ? t.evidence.good(plural(log.records, 'record'), plural(log.chains, 'chain'), checks.length)
      : withCode(t.evidence.bad(wrong))}</p>
    ${wrong !== null ? nothing : checks.length === 0 ? html`<p class="warning">${t.evidence.noManifest}</p>` : comparison(checks)}
    ${log.simulated ? html`<p class="simulated"><strong>${t.evidence.simulated}</strong></p>` : nothing}
    ${told ?? nothing}
    ${wrong === null ? endings(found, files, onPaper) : nothing}
    ${summary !== null && files !== null ? absence(summary, files) : nothing}
    <h3>${t.evidence.which}</h3>${facts(which)}
    ${checkTable(checks)}
    ${log.bad ? html`<h3>${t.evidence.badTitle}</h3>${badLine(line, log.bad.line)}` : nothing}
    ${onPaper ? signatures(t.evidence.signatures) : nothing}
    <div class="small">${facts(small)}</div>`
}

/** Every check that the command line makes, under the same names. */
function checkTable(checks: readonly Check[]): TemplateResult | typeof nothing {
  if (checks.length === 0) return nothing
  return html`<h3>${t.evidence.checks}</h3><table class="checks">
    <thead><tr><th scope="col">${t.evidence.check}</th><th scope="col">${t.evidence.result}</th><th scope="col">${t.evidence.detail}</th></tr></thead>
    <tbody>${checks.map(({ name, holds, detail }) => html`<tr class=${holds ? '' : 'residual'}><td>${name}</td><td>${holds ? t.evidence.holds : t.evidence.broken}</td><td>${withCode(detail)}</td></tr>`)}</tbody>
  </table>`
}

function badLine(line: Line | null, place: number | null): TemplateResult {
  if (line === null) return html`<p>${t.evidence.absent}</p>`
  return html`<p>${t.evidence.badLine(String(place))}</p><div class="code"><pre tabindex="0" role="group" aria-label=${t.evidence.badTitle}>${line.text}</pre></div>
    ${line.length > line.text.length ? html`<p class="quiet">${t.evidence.cut(bytes(line.text.length), bytes(line.length))}</p>` : nothing}`
}

/** Whether there is a manifest to compare. This also holds during the check, so that the field does not vanish while somebody types. */
const canCompare = (folder: Folder, { verdict, problem }: Progress): boolean =>
  problem === '' && (verdict === null ? folder.files.has(MANIFEST) : verdict.evidenceDigest !== null)

/**
 * Takes the digest to compare with. A text that is no digest says nothing about the evidence. Returns whether the digest has
 * changed.
 */
function setKeptDigest(text: string): boolean {
  const before = kept
  typed = text.trim()
  // Commands print a file name after it.
  const [, digits] = /^(?:sha256:)?([0-9a-f]{64})(?:\s|$)/.exec(typed.toLowerCase()) ?? []
  kept = digits === undefined ? '' : `sha256:${digits}`
  return kept !== before
}

/** The field for the kept digest. A folder that was replaced as a whole can be consistent, but cannot have this digest. */
function digestField(folder: Folder): TemplateResult {
  const slip = typed !== '' && kept === ''
  return html`<div class="field"><label for="kept">${t.evidence.kept}</label>
    ${slip ? html`<p id="kept-said" class="error" role="alert">${t.evidence.notDigest}</p>` : nothing}
    <input id="kept" type="text" class="digest" .value=${typed} placeholder="sha256:…" spellcheck="false" autocomplete="off"
      aria-invalid=${slip ? 'true' : 'false'} aria-describedby=${slip ? 'kept-said' : nothing}
      @change=${(event: Event) => {
        if (setKeptDigest((event.target as HTMLInputElement).value)) void checkFolder(folder)
        else paint()
      }}></div>`
}

function folderChoice(): TemplateResult | typeof nothing {
  if (several.length === 0) return nothing
  return html`<div role="status"><p><strong>${t.evidence.several}</strong></p></div>
    <ul class="group wrap">${several.map((folder) => html`<li><button type="button" class="plain" aria-pressed=${folder === chosen}
      @click=${() => {
        setKeptDigest('')
        void checkFolder(folder)
      }}>${folder.path || t.evidence.title}</button></li>`)}</ul>`
}

/** The name of the purge that was checked; empty where its plan is missing or may not be believed. */
export const checkedName = (): string => (progress?.planAndManifest ? textAt(progress.planAndManifest.request, ['name']) : '')

/** The check on paper, for whoever made it to sign. Null while there is nothing to sign. */
export function certificate(): TemplateResult | null {
  if (!progress?.verdict) return null
  return html`<section class="sheet" aria-hidden="true">
    <header><h2>${t.evidence.certificate}</h2>${madeNow()}</header>
    ${chosen?.path ? html`<p class="sentence">${chosen.path}</p>` : nothing}
    ${verdict(progress, progress.verdict, true)}
  </section>`
}

export function evidenceView(): TemplateResult {
  const state = progress
  return html`<div class="anywhere" @dragover=${(event: Event) => event.preventDefault()} @drop=${dropped}>
    <section class="evidence page" aria-labelledby="evidence-title">
    <h2 id="evidence-title">${t.evidence.title}</h2>
    <div class="drop">
      <p><strong>${t.evidence.drop}</strong></p>
      <p><button type="button" class="primary" @click=${() => choose(false)}>${t.evidence.choose}</button>
        <button type="button" class="plain" @click=${() => choose(true)}>${t.evidence.folder}</button></p>
      <p class="quiet">${t.evidence.help} ${t.evidence.local}</p>
    </div>
    ${folderChoice()}
    ${state === null && several.length === 0 ? html`<p>${t.evidence.empty}</p><ol class="teach">${t.evidence.teach.map((text, at) => html`<li class=${['verify', 'held', 'chunk'][at] ?? ''}>${text}</li>`)}</ol>` : nothing}
    ${state?.problem ? html`<p class="error" role="alert">${state.problem}</p>` : nothing}
    ${state && !state.verdict && !state.problem
      ? html`<label>${t.evidence.checking(bytes(state.done), bytes(state.all))}
          <progress max=${Math.max(state.all, 1)} value=${state.done}></progress></label>`
      : nothing}
    ${state?.verdict
      ? verdict(state, state.verdict)
      : nothing}
    ${chosen && state && canCompare(chosen, state) ? digestField(chosen) : nothing}
    ${state?.verdict ? html`<p><button type="button" class="plain" @click=${() => print()}>${t.evidence.print}</button></p>` : nothing}
  </section></div>`
}
