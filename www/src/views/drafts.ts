// Drafts: save one, open one, or remove one, which can be restored.
import { html, nothing, type TemplateResult } from 'lit-html'
import { instant } from '../format'
import { drafts as kept, forget, keep, type Draft } from '../state/drafts'
import { afterPaint, change, edit, fileName, get } from '../state/store'
import { t } from '../texts/dialogs'
import { dismiss } from './modal'
import { firstClickOnly } from './firstClickOnly'

/** The last message about a draft, and the draft that can be taken back. */
let said = ''
let gone: Draft | null = null
/** The dialog that the message belongs to. */
let last = 0

function tell(what: string, forgotten: Draft | null = null): void {
  said = what
  gone = forgotten
  change({})
}

function save(): void {
  const name = (document.getElementById('draft-name') as HTMLInputElement).value.trim() || fileName()
  tell(t.drafts[keep({ name, saved: new Date().toISOString(), ...get().documents })](name))
}

/** Forgets a draft. The focus moves to the one that takes its place, or else to the last one, or to the name of a new one. */
function drop(draft: Draft, place: number): void {
  if (!forget(draft.name)) return tell(t.drafts.notKept(draft.name))
  tell(t.drafts.forgotten(draft.name), draft)
  afterPaint(() => {
    const rows = document.querySelectorAll<HTMLElement>('.drafts li')
    const next = rows[Math.min(place, rows.length - 1)]?.querySelector<HTMLElement>('button:last-of-type')
    ;(next ?? document.getElementById('draft-name'))?.focus()
  })
}

function takeBack(draft: Draft): void {
  tell(t.drafts[keep(draft)](draft.name))
  afterPaint(() => document.getElementById('draft-name')?.focus())
}

export function drafts(): TemplateResult {
  const { opened } = get()
  if (opened !== last) {
    last = opened
    said = ''
    gone = null
  }
  const list = kept()
  const forgotten = gone
  return html`<p class="quiet">${t.drafts.help}</p>
    <div class="pair"><input id="draft-name" type="text" aria-label=${t.drafts.name} placeholder=${fileName()} autocomplete="off" />
      <button type="button" class="primary" @click=${save}>${t.drafts.keep}</button></div>
    <p><span role="status">${said}</span>
      ${forgotten ? html`<button type="button" class="plain" @click=${() => takeBack(forgotten)}>${t.drafts.takeBack}</button>` : nothing}</p>
    ${list.length === 0 ? html`<p class="empty">${t.drafts.none}</p>` : nothing}
    <ul class="list drafts">${list.map((draft, place) => html`<li><span>${draft.name}</span> <small>${instant(Date.parse(draft.saved))}</small>
      <button type="button" class="plain" @click=${() => {
        edit({ request: draft.request, policy: draft.policy })
        dismiss()
      }}>${t.drafts.open}</button>
      <button type="button" class="plain" @click=${firstClickOnly(() => drop(draft, place))}>${t.drafts.forget}</button></li>`)}</ul>`
}
