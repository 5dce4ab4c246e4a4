// The command palette. It is loaded from the start, because people type into it at once.
import { html, nothing } from 'lit-html'
import { examples } from '../examples'
import { server } from '../state/served'
import { change, edit, get, pin, redo, setTheme, show, undo, VIEWS } from '../state/store'
import { t } from '../texts/page'
import { exportPlan, exportPolicy, exportRequest } from './exports'
import { copy } from './files'
import { copyLink } from './frame'
import { dismiss, frame } from './modal'
import { openPolicy, openRequest } from './opening'
import { canCarryOut, carryOut } from './served'

interface Command {
  name: string
  run: () => void
}

function commands(): Command[] {
  const group = t.palette.group
  const list: Command[] = [
    ...VIEWS.map((view) => ({ name: t.palette.wrap(group.view, t.views[view]), run: () => show(view) })),
    ...examples.map((e) => ({ name: t.palette.wrap(group.load, e.name), run: () => edit({ request: e.request, policy: e.policy }) })),
    { name: t.palette.wrap(group.load, t.form.import), run: openRequest },
    { name: t.palette.wrap(group.load, `${t.policy.title}: ${t.policy.import}`), run: openPolicy },
    ...(server()?.policies ?? []).map((p) => ({
      name: t.palette.wrap(group.load, `${t.policy.title}: ${p.name}`), run: () => edit({ policy: JSON.stringify(p.policy, null, 2) }),
    })),
    { name: t.palette.wrap(group.save, t.export.plan), run: exportPlan },
    { name: t.palette.wrap(group.save, t.export.request), run: exportRequest },
    { name: t.palette.wrap(group.save, t.export.policy), run: exportPolicy },
    ...(canCarryOut() && get().plan.summary.digest ? [{ name: t.execute.open, run: carryOut }] : []),
    { name: t.volume.open, run: () => change({ dialog: 'volume' }) },
    { name: t.export.link, run: () => void copyLink() },
    ...(get().view === 'evidence' ? [] : [{ name: t.export.print, run: () => print() }]),
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

/** The dialog that `filter` and `chosen` belong to. */
let last = 0

function matching(): Command[] {
  const words = filter.toLowerCase().split(/\s+/)
  return commands().filter((command) => words.every((word) => command.name.toLowerCase().includes(word)))
}

export function palette(): unknown {
  const { dialog, opened } = get()
  if (dialog !== 'palette') return nothing
  if (opened !== last) {
    last = opened
    filter = ''
    chosen = 0
  }
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
