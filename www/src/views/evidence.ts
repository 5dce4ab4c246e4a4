// Evidence: files dropped here are checked here, piece by piece, so that the page stays awake.
import { html, nothing, type TemplateResult } from 'lit-html'
import { fileDigest, verifyLog } from '../core'
import { bytes, instant, number, plural } from '../format'
import { compare, folders, logOf, MANIFEST, problems, readManifest, type Compared, type Folder, type Given } from '../state/evidence'
import { change, get } from '../state/store'
import { t } from '../texts'
import type { Verdict } from '../types'
import { madeNow, signatures } from './sheet'
import { ends, OUTCOMES } from './sums'

interface Progress {
  done: number
  all: number
  verdict: Verdict | null
  badLine: Line | null
  /** Digest of the manifest: whoever kept the one that the run printed compares it. */
  manifest: string | null
  files: Compared[]
  /** Everything that does not hold. */
  wrong: string[]
  /** Files of no manifest: nothing can be said about them. */
  aside: string[]
  /** Whether all has been looked at. */
  over: boolean
  /** Why nothing could be checked. */
  problem: string
  ms: number
}

/** How often progress is painted, in milliseconds. */
const PAINT = 50
/** As much of a bad line as a person reads. */
const READ = 4096

let progress: Progress | null = null
/** Evidence of several runs, to choose from. */
let several: Folder[] = []
let chosen: Folder | null = null
let latest = 0
let stop = new AbortController()

function paint(): void {
  if (get().view === 'evidence') change({})
}

export async function checkContent(name: string, content: BlobPart): Promise<void> {
  await check([new File([content], name)])
}

export async function check(files: readonly File[]): Promise<void> {
  await offer(files.map((file) => ({ path: file.webkitRelativePath || file.name, file })))
}

/** Checks the evidence among these files, if it is one run's; else asks for which. */
async function offer(given: readonly Given[]): Promise<void> {
  const found = folders(given)
  latest += 1
  stop.abort()
  several = found.length > 1 ? found : []
  chosen = null
  progress = null
  if (found[0] && found.length === 1) await checkFolder(found[0])
  else if (found.length === 0) progress = { ...NOTHING, problem: t.evidence.noLog }
  paint()
}

const NOTHING: Progress = { done: 0, all: 0, verdict: null, badLine: null, manifest: null, files: [], wrong: [], aside: [], over: false, problem: '', ms: 0 }

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
    const listed = folder.files.get(MANIFEST)
    state.manifest = listed ? await digestOf(listed) : null
    const text = await listed?.text()
    const read = text === undefined ? null : readManifest(text)
    const manifest = typeof read === 'string' ? null : read
    if (log) {
      const each = sparingly((done) => (state.done = done))
      state.verdict = await verifyLog(log, manifest?.chains ?? null, each, stop.signal)
      const line = state.verdict.bad?.line ?? null
      state.badLine = line === null ? null : await lineOf(log, line)
    }
    if (manifest?.files) state.files = await compare(folder, manifest.files, digestOf)
    else if (read === null) state.aside = [...folder.files].filter(([, file]) => file !== log).map(([name]) => name)
    const why = typeof read === 'string' ? t.evidence.manifest.unreadable(read) : null
    state.wrong = problems(state.verdict?.good === false ? (state.verdict.message ?? '') : null, why, state.files)
    if (!log && state.wrong.length === 0) state.problem = t.evidence.noLog
    state.ms = performance.now() - started
    state.over = true
  } catch (why) {
    if (turn === latest) state.problem = String(why)
  }
  if (turn === latest) paint()
}

/** Tells how far it is, and paints that no more often than people can see. */
function sparingly(tell: (done: number) => void): (done: number) => void {
  let painted = performance.now()
  return (done) => {
    tell(done)
    if (performance.now() - painted < PAINT) return
    painted = performance.now()
    paint()
  }
}

/** The digest of a file: by the browser beside the page's own work, where it may. */
async function digestOf(file: File): Promise<string> {
  const content = await file.arrayBuffer()
  if (!globalThis.isSecureContext) return fileDigest(new Uint8Array(content))
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', content))
  return `sha256:${Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('')}`
}

interface Line {
  /** Its beginning. */
  text: string
  /** How many letters it has. */
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

async function fromDrop(event: DragEvent): Promise<void> {
  event.preventDefault()
  const items = [...(event.dataTransfer?.items ?? [])].map((item) => item.webkitGetAsEntry())
  const flat = [...(event.dataTransfer?.files ?? [])]
  const given: Given[] = []
  for (const [place, entry] of items.entries()) {
    const file = flat[place]
    if (entry?.isDirectory) given.push(...(await inside(entry as FileSystemDirectoryEntry)))
    else if (file) given.push({ path: file.name, file })
  }
  await offer(given.length > 0 ? given : flat.map((file) => ({ path: file.name, file })))
}

/** Everything in a folder and in the folders in it. A browser lists a hundred entries at a time. */
async function inside(folder: FileSystemDirectoryEntry): Promise<Given[]> {
  const reader = folder.createReader()
  const given: Given[] = []
  for (;;) {
    const entries = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject))
    if (entries.length === 0) return given
    for (const entry of entries) {
      if (entry.isDirectory) given.push(...(await inside(entry as FileSystemDirectoryEntry)))
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

/** How the chunks of sound evidence ended. That it is sound says nothing about that. */
function endings({ ended, chains, others }: Verdict): TemplateResult {
  const open = chains - OUTCOMES.reduce((sum, outcome) => sum + (ended[outcome] ?? 0), 0)
  const more = chains - (ended.verified ?? 0) - others.length
  return html`<p class=${others.length === 0 ? '' : 'warning'}>${t.evidence.ended(ends(ended, open))}</p>
    ${others.length === 0 ? nothing : html`<details><summary>${t.evidence.others}</summary>
      <ul class="chips">${others.map(({ chunk, outcome }) => html`<li>${t.evidence.chunk(number(chunk), outcome === null ? t.evidence.notEnded : t.rehearse.outcomes[outcome])}</li>`)}
        ${more > 0 ? html`<li class="quiet">${t.compare.more(number(more))}</li>` : nothing}</ul></details>`}`
}

function verdict(state: Progress): TemplateResult {
  const { verdict: found, wrong, files } = state
  const [first, ...others] = wrong
  const when = (text: string | null): string => (text === null ? '–' : instant(Date.parse(text)))
  const facts: [string, string][] = found === null ? [] : [
    ...(state.manifest === null ? [] : [[t.evidence.manifestDigest, state.manifest] satisfies [string, string]]),
    [t.evidence.run, found.runId ?? '–'],
    [t.evidence.plan, found.planDigest ?? '–'],
    [t.evidence.approvedBy, t.sentence.and(found.approvedBy) || '–'],
    [t.evidence.span, t.evidence.fromTo(when(found.from), when(found.until))],
    [t.evidence.records, number(found.records)],
    [t.evidence.lines, number(found.lines)],
    [t.evidence.size, bytes(found.bytes)],
  ]
  const good = found === null || first !== undefined ? null
    : t.evidence.good(plural(found.records, 'record'), plural(found.chains, 'chain'), files.length === 0 ? null : plural(files.length, 'file'))
  return html`<p class="verdict ${good === null ? 'bad' : 'good'}" role="status">${good ?? t.evidence.bad(first ?? '')}</p>
    ${found?.simulated ? html`<p class="simulated"><strong>${t.evidence.simulated}</strong></p>` : nothing}
    ${found !== null && good !== null ? endings(found) : nothing}
    ${others.length > 0 ? html`<h3>${t.evidence.more}</h3><ul>${others.map((text) => html`<li class="error">${text}</li>`)}</ul>` : nothing}
    <p class="quiet">${t.evidence.took(state.ms.toFixed(0))}. ${found?.good && !found.manifestChecked && wrong.length === 0 ? t.evidence.noManifest : nothing}
      ${t.evidence.browserOnly}</p>
    <dl>${facts.map(([name, text]) => html`<dt>${name}</dt><dd>${text}</dd>`)}</dl>
    ${found?.bad ? html`<h3>${t.evidence.badTitle}</h3>${badLine(state.badLine, found.bad.line)}` : nothing}`
}

function badLine(line: Line | null, place: number | null): TemplateResult {
  if (line === null) return html`<p>${t.evidence.absent}</p>`
  return html`<p>${t.evidence.badLine(String(place))}</p><div class="code"><pre tabindex="0" role="group" aria-label=${t.evidence.badTitle}>${line.text}</pre></div>
    ${line.length > line.text.length ? html`<p class="quiet">${t.evidence.cut(bytes(line.text.length), bytes(line.length))}</p>` : nothing}`
}

function fileTable({ files, aside }: Progress): TemplateResult | typeof nothing {
  if (files.length === 0 && aside.length === 0) return nothing
  return html`<h3>${t.evidence.files}</h3><table>
    <thead><tr><th scope="col">${t.evidence.file}</th><th scope="col">${t.evidence.size}</th><th scope="col">${t.evidence.hash}</th></tr></thead>
    <tbody>${files.map(({ name, size, state }) => html`<tr class=${state === 'asListed' ? '' : 'residual'}><td>${name}</td><td>${size === null ? '–' : bytes(size)}</td><td>${t.evidence.states[state]}</td></tr>`)}
      ${aside.map((name) => html`<tr><td>${name}</td><td></td><td>${t.evidence.notCompared}</td></tr>`)}</tbody>
  </table>`
}

function choice(): TemplateResult | typeof nothing {
  if (several.length === 0) return nothing
  return html`<div role="status"><p><strong>${t.evidence.several}</strong></p></div>
    <ul class="group wrap">${several.map((folder) => html`<li><button type="button" class="plain" aria-pressed=${folder === chosen}
      @click=${() => void checkFolder(folder)}>${folder.path || t.evidence.title}</button></li>`)}</ul>`
}

/** What was checked, on paper: whoever checked it signs that. Nothing while there is nothing to sign. */
export function certificate(): TemplateResult | null {
  if (!progress?.over || progress.problem !== '') return null
  return html`<section class="sheet" aria-hidden="true">
    <header><h2>${t.evidence.certificate}</h2>${madeNow()}</header>
    ${chosen?.path ? html`<p class="sentence">${chosen.path}</p>` : nothing}
    ${verdict(progress)} ${fileTable(progress)}
    ${signatures(t.evidence.signatures)}
  </section>`
}

export function evidenceView(): TemplateResult {
  const state = progress
  return html`<section class="evidence page" aria-labelledby="evidence-title" @dragover=${(event: Event) => event.preventDefault()}
    @drop=${(event: DragEvent) => void fromDrop(event)}>
    <h2 id="evidence-title">${t.evidence.title}</h2>
    <div class="drop">
      <p><strong>${t.evidence.drop}</strong></p>
      <p><button type="button" class="primary" @click=${() => choose(false)}>${t.evidence.choose}</button>
        <button type="button" class="plain" @click=${() => choose(true)}>${t.evidence.folder}</button></p>
      <p class="quiet">${t.evidence.help} ${t.evidence.local}</p>
    </div>
    ${choice()}
    ${state === null && several.length === 0 ? html`<p>${t.evidence.empty}</p><ol class="teach">${t.evidence.teach.map((text, at) => html`<li class=${['verify', 'held', 'chunk'][at] ?? ''}>${text}</li>`)}</ol>` : nothing}
    ${state?.problem ? html`<p class="error" role="alert">${state.problem}</p>` : nothing}
    ${state && !state.over && !state.problem
      ? html`<label>${t.evidence.checking(bytes(state.done), bytes(state.all))}
          <progress max=${Math.max(state.all, 1)} value=${state.done}></progress></label>`
      : nothing}
    ${state?.over && !state.problem
      ? html`${verdict(state)} ${fileTable(state)}<p><button type="button" class="plain" @click=${() => print()}>${t.evidence.print}</button></p>`
      : nothing}
  </section>`
}
