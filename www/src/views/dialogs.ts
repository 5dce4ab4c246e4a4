// Command palette, list of keys, drafts.
import { html, nothing } from 'lit-html'
import { live } from 'lit-html/directives/live.js'
import { examples } from '../examples'
import { instant } from '../format'
import { drafts, forget, keep } from '../state/drafts'
import { server } from '../state/served'
import { lettersOn, turnLetters } from '../state/meant'
import { change, edit, fileName, get, pin, redo, setTheme, show, undo, VIEWS } from '../state/store'
import { t } from '../texts'
import { copy, openFile } from './files'
import { copyLink } from './frame'
import { exportPlan, exportPolicy, exportRequest } from './handover'
import { dismiss, modal } from './modal'
import { openRequest } from './opening'
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
    { name: t.palette.wrap(group.load, t.form.import), run: openRequest },
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

/** What was said last about a draft. */
let said = ''
/** The dialog that all this is about. */
let last = 0

export function frame(title: string, content: unknown): unknown {
  const own = get().opened
  return modal({
    key: own, role: 'dialog', label: title,
    content: html`<header class="bar"><h2>${title}</h2><button type="button" class="plain" @click=${dismiss}>${t.close}</button></header>${content}`,
    closed: () => {
      // Another one may have taken its place.
      if (get().opened === own) change({ dialog: null })
    },
  })
}

function matching(): Command[] {
  const words = filter.toLowerCase().split(/\s+/)
  return commands().filter((command) => words.every((word) => command.name.toLowerCase().includes(word)))
}

function palette(): unknown {
  const list = matching()
  const run = (command: Command | undefined): void => {
    if (!command) return
    dismiss()
    change({ dialog: null })
    command.run()
  }
  const key = (event: KeyboardEvent): void => {
    if (event.key === 'Enter') run(matching()[chosen])
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

function keys(): unknown {
  return frame(t.keys, html`<label class="choice"><input type="checkbox" .checked=${live(lettersOn())} @change=${(event: Event) => {
      turnLetters((event.target as HTMLInputElement).checked)
      change({})
    }} /> ${t.letterKeys}</label>
    <dl class="keys">${t.keyList.map(([key, what]) => html`<dt><kbd>${key}</kbd></dt><dd>${what}</dd>`)}</dl>`)
}

function draftList(): unknown {
  const list = drafts()
  const save = (): void => {
    const name = (document.getElementById('draft-name') as HTMLInputElement).value.trim() || fileName()
    said = t.drafts[keep({ name, saved: new Date().toISOString(), ...get().documents })](name)
    change({})
  }
  return frame(t.drafts.title, html`<p class="quiet">${t.drafts.help}</p>
    <div class="pair"><input id="draft-name" type="text" aria-label=${t.drafts.name} placeholder=${fileName()} autocomplete="off" />
      <button type="button" class="primary" @click=${save}>${t.drafts.keep}</button></div>
    <p role="status">${said}</p>
    ${list.length === 0 ? html`<p class="empty">${t.drafts.none}</p>` : nothing}
    <ul class="list">${list.map((draft) => html`<li><span>${draft.name}</span> <small>${instant(Date.parse(draft.saved))}</small>
      <button type="button" class="plain" @click=${() => {
        edit({ request: draft.request, policy: draft.policy })
        dismiss()
      }}>${t.drafts.open}</button>
      <button type="button" class="plain" @click=${() => {
        forget(draft.name)
        change({})
      }}>${t.drafts.forget}</button></li>`)}</ul>`)
}

export function dialogs(): unknown {
  const { dialog, opened } = get()
  if (opened !== last) {
    last = opened
    filter = ''
    chosen = 0
    said = ''
  }
  switch (dialog) {
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
      return frame(t.policy.pasteTitle, paste(dialog))
    case 'execute':
    case null:
      return nothing
  }
}
