// Command palette, list of keys, drafts.
import { html, nothing, type TemplateResult } from 'lit-html'
import { ref } from 'lit-html/directives/ref.js'
import { examples } from '../examples'
import { instant } from '../format'
import { drafts, forget, keep } from '../state/drafts'
import { server } from '../state/served'
import { change, edit, fileName, get, pin, redo, say, setTheme, show, undo, VIEWS } from '../state/store'
import { t } from '../texts'
import { copy, openFile } from './files'
import { copyLink } from './frame'
import { exportPlan, exportPolicy, exportRequest } from './handover'
import { paste } from './paste'
import { volume } from './volume'

export interface Command {
  name: string
  run: () => void
}

export function commands(): Command[] {
  const group = t.palette.group
  const list: Command[] = [
    ...VIEWS.map((view) => ({ name: t.palette.wrap(group.view, t.views[view]), run: () => show(view) })),
    ...examples.map((e) => ({ name: t.palette.wrap(group.load, e.name), run: () => edit({ request: e.request, policy: e.policy }) })),
    { name: t.palette.wrap(group.load, t.form.import), run: () => openFile((request) => edit({ request })) },
    { name: t.palette.wrap(group.load, `${t.policy.title}: ${t.policy.import}`), run: () => openFile((policy) => edit({ policy })) },
    ...(server()?.policies ?? []).map((p) => ({
      name: t.palette.wrap(group.load, `${t.policy.title}: ${p.name}`), run: () => edit({ policy: JSON.stringify(p.policy, null, 2) }),
    })),
    { name: t.palette.wrap(group.save, t.export.plan), run: exportPlan },
    { name: t.palette.wrap(group.save, t.export.request), run: exportRequest },
    { name: t.palette.wrap(group.save, t.export.policy), run: exportPolicy },
    { name: t.volume.open, run: () => change({ dialog: 'volume' }) },
    { name: t.export.link, run: () => void copyLink() },
    { name: t.export.print, run: () => print() },
    { name: t.copyDigest, run: () => void copy(get().plan.summary.digest ?? '') },
    { name: t.compare.pin, run: pin },
    { name: t.undo, run: () => void undo() },
    { name: t.redo, run: redo },
    { name: t.drafts.title, run: () => change({ dialog: 'drafts' }) },
    { name: t.keys, run: () => change({ dialog: 'keys' }) },
    ...(['auto', 'light', 'dark'] as const).map((theme) => ({ name: t.palette.theme(t.theme[theme]), run: () => setTheme(theme) })),
  ]
  return list
}

let filter = ''
let chosen = 0

const opened = ref((element) => {
  const dialog = element as HTMLDialogElement | undefined
  if (!dialog) return
  filter = ''
  chosen = 0
  // The element is not in the document yet while it is being rendered.
  queueMicrotask(() => {
    if (dialog.isConnected && !dialog.open) dialog.showModal()
  })
})
const close = (): void => change({ dialog: null })

export function frame(title: string, content: unknown): TemplateResult {
  return html`<dialog ${opened} aria-label=${title} @close=${close}
    @click=${(event: Event) => event.target === event.currentTarget && close()}>
    <div class="dialog"><header class="bar"><h2>${title}</h2>
      <button type="button" class="plain" @click=${close}>${t.close}</button></header>${content}</div></dialog>`
}

function matching(): Command[] {
  const words = filter.toLowerCase().split(/\s+/)
  return commands().filter((command) => words.every((word) => command.name.toLowerCase().includes(word)))
}

function palette(): TemplateResult {
  const list = matching()
  const run = (command: Command | undefined): void => {
    if (!command) return
    change({ dialog: null })
    command.run()
  }
  const key = (event: KeyboardEvent): void => {
    if (event.key === 'Enter') run(list[chosen])
    else if (event.key === 'ArrowDown') chosen = Math.min(chosen + 1, list.length - 1)
    else if (event.key === 'ArrowUp') chosen = Math.max(chosen - 1, 0)
    else return
    event.preventDefault()
    change({})
    document.getElementById(`command-${chosen}`)?.scrollIntoView({ block: 'nearest' })
  }
  return frame(t.palette.title, html`
    <input type="text" id="palette" role="combobox" aria-expanded="true" aria-controls="commands" autofocus autocomplete="off"
      aria-activedescendant=${list.length > 0 ? `command-${chosen}` : nothing} aria-label=${t.palette.filter}
      placeholder=${t.palette.filter} @keydown=${key}
      @input=${(event: Event) => {
        filter = (event.target as HTMLInputElement).value
        chosen = 0
        change({})
      }} />
    <div id="commands" class="list" role="listbox" aria-label=${t.palette.title}>
      ${list.map((command, place) => html`<div role="option" id="command-${place}" aria-selected=${place === chosen}
        @click=${() => run(command)}>${command.name}</div>`)}
    </div>
    ${list.length === 0 ? html`<p class="empty">${t.palette.none}</p>` : nothing}`)
}

function keys(): TemplateResult {
  return frame(t.keys, html`<dl class="keys">${t.keyList.map(([key, what]) => html`<dt><kbd>${key}</kbd></dt><dd>${what}</dd>`)}</dl>`)
}

function draftList(): TemplateResult {
  const list = drafts()
  const save = (): void => {
    const name = (document.getElementById('draft-name') as HTMLInputElement).value.trim() || fileName()
    const kept = keep({ name, saved: new Date().toISOString(), ...get().documents })
    say(kept ? t.drafts.kept : t.drafts.notKept)
  }
  return frame(t.drafts.title, html`<p class="quiet">${t.drafts.help}</p>
    <div class="pair"><input id="draft-name" type="text" aria-label=${t.drafts.name} placeholder=${fileName()} autocomplete="off" />
      <button type="button" class="primary" @click=${save}>${t.drafts.keep}</button></div>
    ${list.length === 0 ? html`<p class="empty">${t.drafts.none}</p>` : nothing}
    <ul class="list">${list.map((draft) => html`<li><span>${draft.name}</span> <small>${instant(Date.parse(draft.saved))}</small>
      <button type="button" class="plain" @click=${() => {
        edit({ request: draft.request, policy: draft.policy })
        close()
      }}>${t.drafts.open}</button>
      <button type="button" class="plain" @click=${() => {
        forget(draft.name)
        change({})
      }}>${t.drafts.forget}</button></li>`)}</ul>`)
}

export function dialogs(): TemplateResult | typeof nothing {
  switch (get().dialog) {
    case 'palette':
      return palette()
    case 'keys':
      return keys()
    case 'drafts':
      return draftList()
    case 'volume':
      return frame(t.volume.title, volume())
    case 'holds':
    case 'retention':
      return frame(t.policy.pasteTitle, paste(get().dialog === 'holds' ? 'holds' : 'retention'))
    case 'execute':
    case null:
      return nothing
  }
}
