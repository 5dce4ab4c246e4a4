// The OAuth client that will delete. The tenant's name includes it, and so the run's name depends on it.
import { html, type TemplateResult } from 'lit-html'
import { live } from 'lit-html/directives/live.js'
import { keep, recall } from '../state/kept'
import { change } from '../state/store'
import { t } from '../texts/page'

const CLIENT = 'client'

let client = (recall(CLIENT) ?? '') as string

/** The client's id; empty until the user gives it. */
export const clientId = (): string => client.trim()

/** The field for it. */
export function clientField(id: string): TemplateResult {
  return html`<div class="field"><label for=${id}>${t.client.label}</label>
    <input id=${id} type="text" autocomplete="off" spellcheck="false" aria-describedby="${id}-help" .value=${live(client)}
      @input=${(event: Event) => {
        client = (event.target as HTMLInputElement).value
        keep(CLIENT, client)
        change({})
      }} /><small id="${id}-help">${t.client.help}</small></div>`
}
