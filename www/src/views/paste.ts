// Rows of a spreadsheet for the policy: pasted here or into a table, dropped, or from a file.
import { html, nothing, type TemplateResult } from 'lit-html'
import { number, plural } from '../format'
import { textAt, type Json } from '../state/document'
import { addRows, policyFields } from '../state/policy'
import { readRows, type Kind, type Pasted } from '../state/rows'
import { change, say } from '../state/store'
import { t } from '../texts/dialogs'
import { droppedFile } from './files'
import { dismiss } from './modal'

/** The most unread lines that are listed. */
const SHOWN = 20
/** The text being pasted, by kind. */
const texts: Record<Kind, string> = { holds: '', retention: '' }
/** Whether the last attempt to add rows would have made the policy too long. */
let tooLong = false

/** Adds the rows if every line could be read; otherwise opens the dialog with the text and what is wrong with it. */
export function addOrShowRows(given: string, kind: Kind): void {
  const found = readRows(given, kind)
  tooLong = false
  if (found.unread.length === 0 && found.rows.length > 0 && add(found)) return
  if (tooLong) return say(t.policy.tooLong(counted(found)), true)
  texts[kind] = given
  change({ dialog: kind })
}

function add(found: Pasted): boolean {
  const became = addRows(found)
  tooLong = became === 'tooLong'
  if (became === 'added') say(t.policy.added(counted(found), found.rows.some(endsWithADay)))
  return became === 'added'
}

export function paste(kind: Kind): TemplateResult {
  const text = texts[kind]
  const found = readRows(text, kind)
  const take = (given: string): void => {
    texts[kind] = given
    tooLong = false
    change({})
  }
  const addAll = (): void => {
    if (!add(found)) return change({})
    texts[kind] = ''
    dismiss()
  }
  const readable = policyFields() !== null
  return html`<p class="quiet">${t.policy.pasteHelp[kind]}</p>
    <div @dragover=${(event: Event) => event.preventDefault()} @drop=${(event: DragEvent) => droppedFile(event, (_, given) => take(given))}>
      <textarea class="source" id="rows" aria-label=${t.policy.rows} placeholder=${t.policy.pasteExample[kind]} spellcheck="false" autofocus
        .value=${text} @input=${(event: Event) => take((event.target as HTMLTextAreaElement).value)}></textarea>
    </div>
    <div role="status">${text.trim() === '' ? nothing : html`<p>${t.policy.found(counted(found))}</p>`} ${unread(found)}
      ${tooLong ? html`<p class="error">${t.policy.tooLong(counted(found))}</p>` : nothing}
      ${readable ? nothing : html`<p class="error">${t.policy.cannotAdd}</p>`}</div>
    <p class="group"><button type="button" class="primary" ?disabled=${found.rows.length === 0 || !readable} @click=${addAll}>${t.policy.addRows}</button></p>`
}

function unread({ unread: list }: Pasted): TemplateResult | typeof nothing {
  if (list.length === 0) return nothing
  return html`<p class="error">${t.policy.notRead}</p>
    <ul class="unread">${list.slice(0, SHOWN).map((one) => html`<li>${t.volume.line(one.line)} <code>${one.text}</code> ${one.why}</li>`)}
      ${list.length > SHOWN ? html`<li class="quiet">${t.more(number(list.length - SHOWN))}</li>` : nothing}</ul>`
}

/** Whether a hold ends at midnight: whoever wrote that day may have meant to include it. */
const endsWithADay = (row: Json): boolean => textAt(row, ['range', 'end']).endsWith('T00:00:00.000Z')

const counted = ({ kind, rows }: Pasted): string => (kind === 'holds' ? plural(rows.length, t.policy.oneHold) : plural(rows.length, t.policy.oneRule))
