// Evidence: files dropped here are checked here, piece by piece, so that the page stays awake.
import { html, nothing, type TemplateResult } from 'lit-html'
import { fileDigest, verifyLog } from '../core'
import { bytes, number, plural } from '../format'
import { at, fields } from '../state/document'
import { change, get } from '../state/store'
import { t } from '../texts'
import type { Verdict } from '../types'

interface Checked {
  name: string
  size: number
  digest: string
  listed: string | null
}

interface Progress {
  done: number
  all: number
  verdict: Verdict | null
  badLine: string | null
  files: Checked[]
  problem: string
  ms: number
}

/** How often progress is painted, in milliseconds. */
const PAINT = 50

let progress: Progress | null = null
let latest = 0
let stop = new AbortController()

function paint(): void {
  if (get().view === 'evidence') change({})
}

export async function checkText(name: string, text: string): Promise<void> {
  await check([new File([text], name)])
}

export async function check(files: File[]): Promise<void> {
  const turn = (latest += 1)
  stop.abort()
  stop = new AbortController()
  const log = files.find((file) => /(^|\.)audit\.jsonl$|\.jsonl$|\.ndjson$/.test(file.name) && file.name !== 'webhooks.jsonl')
  const manifestFile = files.find((file) => file.name === 'manifest.json')
  const all = log?.size ?? 0
  const state: Progress = { done: 0, all, verdict: null, badLine: null, files: [], problem: log ? '' : t.evidence.noLog, ms: 0 }
  progress = state
  paint()
  if (!log) return
  const started = performance.now()
  try {
    const manifest = manifestFile ? fields(await manifestFile.text()) : null
    const chains = manifest ? (at(manifest, ['chains']) ?? manifest) : null
    let painted = performance.now()
    const each = (done: number): void => {
      state.done = done
      if (performance.now() - painted < PAINT) return
      painted = performance.now()
      paint()
    }
    state.verdict = await verifyLog(log, chains ? JSON.stringify(chains) : null, each, stop.signal)
    state.ms = performance.now() - started
    paint()
    const line = state.verdict.bad?.line ?? null
    state.badLine = line === null ? null : await lineOf(log, line)
    state.files = manifest ? await listed(files, manifest) : []
  } catch (why) {
    if (turn === latest) state.problem = String(why)
  }
  if (turn === latest) paint()
}

async function listed(files: File[], manifest: { [name: string]: unknown }): Promise<Checked[]> {
  const names = manifest['files'] as Record<string, string> | undefined
  const list: Checked[] = []
  for (const file of files) {
    if (file.name === 'manifest.json') continue
    const digest = fileDigest(new Uint8Array(await file.arrayBuffer()))
    list.push({ name: file.name, size: file.size, digest, listed: names?.[file.name] ?? null })
  }
  return list
}

async function lineOf(file: File, number: number): Promise<string | null> {
  let seen = 1
  let text = ''
  const reader = file.stream().pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return seen === number ? text : null
    const pieces = value.split('\n')
    for (const [place, piece] of pieces.entries()) {
      if (place > 0) {
        if (seen === number) return text
        seen += 1
      }
      if (seen === number) text += piece
    }
  }
}

async function fromDrop(event: DragEvent): Promise<void> {
  event.preventDefault()
  const items = [...(event.dataTransfer?.items ?? [])].map((item) => item.webkitGetAsEntry())
  const flat = [...(event.dataTransfer?.files ?? [])]
  const files: File[] = []
  for (const [place, entry] of items.entries()) {
    if (entry?.isDirectory) files.push(...(await inside(entry as FileSystemDirectoryEntry)))
    else if (flat[place]) files.push(flat[place])
  }
  await check(files.length > 0 ? files : flat)
}

async function inside(folder: FileSystemDirectoryEntry): Promise<File[]> {
  const reader = folder.createReader()
  const entries = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject))
  const only = entries.filter((entry) => entry.isFile) as FileSystemFileEntry[]
  return Promise.all(only.map((entry) => new Promise<File>((resolve, reject) => entry.file(resolve, reject))))
}

function choose(folder: boolean): void {
  const input = document.createElement('input')
  input.type = 'file'
  input.multiple = true
  if (folder) input.webkitdirectory = true
  input.addEventListener('change', () => void check([...(input.files ?? [])]))
  input.click()
}

function verdict(state: Progress, found: Verdict): TemplateResult {
  const facts: [string, string][] = [
    [t.evidence.run, found.runId ?? '–'],
    [t.evidence.plan, found.planDigest ?? '–'],
    [t.evidence.records, number(found.records)],
    [t.evidence.lines, number(found.lines)],
    [t.evidence.size, bytes(found.bytes)],
  ]
  return html`<p class="verdict ${found.good ? 'good' : 'bad'}" role="status">${found.good
      ? t.evidence.good(plural(found.records, 'record'), plural(found.chains, 'chain'))
      : t.evidence.bad(found.message ?? '')}</p>
    <p class="quiet">${t.evidence.took(state.ms.toFixed(0))}. ${found.manifestChecked ? nothing : t.evidence.noManifest}
      ${t.evidence.browserOnly}</p>
    <dl>${facts.map(([name, text]) => html`<dt>${name}</dt><dd>${text}</dd>`)}</dl>
    ${found.bad
      ? html`<h3>${t.evidence.badTitle}</h3>
          ${state.badLine === null ? html`<p>${t.evidence.absent}</p>` : html`<p>${t.evidence.badLine(String(found.bad.line))}</p><div class="code"><pre tabindex="0" aria-label=${t.evidence.badTitle}>${state.badLine}</pre></div>`}`
      : nothing}`
}

function fileTable(files: Checked[]): TemplateResult | typeof nothing {
  if (files.length === 0) return nothing
  const word = (file: Checked): string =>
    file.listed === null ? t.evidence.notListed : file.listed === file.digest ? t.evidence.asListed : t.evidence.changed
  return html`<h3>${t.evidence.files}</h3><table>
    <thead><tr><th scope="col">${t.evidence.file}</th><th scope="col">${t.evidence.size}</th><th scope="col">${t.evidence.hash}</th></tr></thead>
    <tbody>${files.map((file) => html`<tr class=${file.listed === file.digest ? '' : 'residual'}><td>${file.name}</td><td>${bytes(file.size)}</td><td>${word(file)}</td></tr>`)}</tbody>
  </table>`
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
    ${state === null ? html`<p>${t.evidence.empty}</p><ol class="teach">${t.evidence.teach.map((text, at) => html`<li class=${['verify', 'held', 'chunk'][at] ?? ''}>${text}</li>`)}</ol>` : nothing}
    ${state?.problem ? html`<p class="error" role="alert">${state.problem}</p>` : nothing}
    ${state && state.verdict === null && !state.problem
      ? html`<label>${t.evidence.checking(bytes(state.done), bytes(state.all))}
          <progress max=${Math.max(state.all, 1)} value=${state.done}></progress></label>`
      : nothing}
    ${state?.verdict ? verdict(state, state.verdict) : nothing} ${fileTable(state?.files ?? [])}
  </section>`
}
