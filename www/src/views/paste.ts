// Rows of a spreadsheet for the policy: pasted here, pasted into a table, dropped, or from a file.
import { html, nothing, type TemplateResult } from 'lit-html'
import { number, plural } from '../format'
import { textAt, type Json } from '../state/document'
import { addRows, policyFields } from '../state/policy'
import { readRows, type Kind, type Pasted } from '../state/rows'
import { change, say } from '../state/store'
import { t } from '../texts/dialogs'
import { droppedFile } from './files'
import { dismiss } from './modal'

/** Lines that are named. */
const SHOWN = 20
/** What is being pasted, of each kind. */
const texts: Record<Kind, string> = { holds: '', retention: '' }
/** Whether the policy would have become too long with what was to be added last. */
let tooLong = false

/** Adds the rows, if every line of them could be read; else shows the text with what is wrong with it. */
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

/** Whoever wrote a day as the end of a hold may have meant it to be kept. */
const endsWithADay = (row: Json): boolean => textAt(row, ['range', 'end']).endsWith('T00:00:00.000Z')

const counted = ({ kind, rows }: Pasted): string => (kind === 'holds' ? plural(rows.length, t.policy.oneHold) : plural(rows.length, t.policy.oneRule))
