// Counts, pasted or opened, so that the timeline shows how much there is. Lines that could not be read are listed.
import { html, nothing, type TemplateResult } from 'lit-html'
import { instant, number, plural } from '../format'
import { change } from '../state/store'
import { readCounts } from '../state/counts'
import { current, forgetVolume, setVolume } from '../state/volume'
import { t } from '../texts/dialogs'
import { droppedFile, openText } from './files'

const SHOWN = 5
let pasted = ''

function take(name: string, text: string): void {
  if (text.trim() === '') forgetVolume()
  else setVolume(name, readCounts(text))
  change({})
}

export function volume(): TemplateResult {
  const found = current()
  const file = (name: string, text: string): void => {
    pasted = text.length > 20_000 ? '' : text
    take(name, text)
  }
  return html`<p class="quiet">${t.volume.help}</p>
    <div @dragover=${(event: Event) => event.preventDefault()} @drop=${(event: DragEvent) => droppedFile(event, file)}>
      <textarea class="source" id="counts" aria-label=${t.volume.label} placeholder=${t.volume.placeholder} spellcheck="false" autofocus
        .value=${pasted} @input=${(event: Event) => {
          pasted = (event.target as HTMLTextAreaElement).value
          take(t.volume.pasted, pasted)
        }}></textarea>
    </div>
    <p class="group"><button type="button" class="plain" @click=${() => openText('.csv,.tsv,.txt,.json', file)}>${t.form.import}</button>
      <button type="button" class="plain" ?disabled=${found === null} @click=${() => {
        pasted = ''
        take('', '')
      }}>${t.volume.forget}</button></p>
    <div role="status">${found === null ? html`<p class="empty">${t.volume.none}</p>` : summary(found)}</div>`
}

function summary(found: NonNullable<ReturnType<typeof current>>): TemplateResult {
  const { buckets, total, unread, merged } = found
  const [first, last] = [buckets[0], buckets.at(-1)]
  return html`${first && last
      ? html`<p><strong>${t.volume.read(plural(buckets.length, 'count'), number(total), instant(first.from), instant(last.to))}</strong></p>`
      : html`<p class="error">${t.volume.nothing}</p>`}
    ${merged > 0 ? html`<p class="quiet">${t.volume.merged(plural(merged, 'line'))}</p>` : nothing}
    ${unread.length > 0
      ? html`<p class="warning">${t.volume.unread(plural(unread.length, 'line'))}</p>
          <ul class="unread">${unread.slice(0, SHOWN).map((one) => html`<li>${t.volume.line(one.line)} <code>${one.text}</code> ${one.why}</li>`)}
            ${unread.length > SHOWN ? html`<li class="quiet">${t.more(number(unread.length - SHOWN))}</li>` : nothing}</ul>`
      : nothing}`
}
