// Rows pasted from a spreadsheet into the policy.
import { html, nothing, type TemplateResult } from 'lit-html'
import { plural } from '../format'
import { readRows, type Kind, type Pasted } from '../state/rows'
import { change, say } from '../state/store'
import { t } from '../texts'
import { droppedFile } from './files'
import { addRows } from './policy'

let text = ''

export function paste(kind: Kind): TemplateResult {
  const found = readRows(text, kind)
  const take = (given: string): void => {
    text = given
    change({})
  }
  const add = (): void => {
    text = ''
    change({ dialog: null })
    addRows(found)
    say(t.policy.added(what(found)))
  }
  return html`<p class="quiet">${t.policy.pasteHelp[kind]}</p>
    <div @dragover=${(event: Event) => event.preventDefault()} @drop=${(event: DragEvent) => droppedFile(event, (_, given) => take(given))}>
      <textarea class="source" id="rows" aria-label=${t.policy.rows} placeholder=${t.policy.pasteExample[kind]} spellcheck="false" autofocus
        .value=${text} @input=${(event: Event) => take((event.target as HTMLTextAreaElement).value)}></textarea>
    </div>
    <div role="status">${text.trim() === '' ? nothing : html`<p>${t.policy.found(what(found))}</p>`}
      ${found.unread.map((one) => html`<p class="warning">${t.volume.line(one.line)} <code>${one.text}</code> ${one.why}</p>`)}</div>
    <p class="group"><button type="button" class="primary" ?disabled=${found.rows.length === 0} @click=${add}>${t.policy.addRows}</button></p>`
}

const what = ({ kind, rows }: Pasted): string => (kind === 'holds' ? plural(rows.length, t.policy.oneHold) : plural(rows.length, t.policy.oneRule))
