// Asks for confirmation: what will happen, to what, and what stays as it is. Where it is recorded who asked, it asks for the name.
import { html, nothing } from 'lit-html'
import { keep, recall } from '../state/kept'
import { change } from '../state/store'
import { t } from '../texts/runs'
import { dismiss, modal } from './modal'
import '../style/watch.css'

export interface Question {
  title: string
  text: string[]
  yes: string
  no: string
  danger: boolean
  /** Whether it is recorded who asked. */
  signed?: boolean
  /** Does it. The name is empty where it is not recorded. */
  act: (name: string) => Promise<void>
}

const KEY = 'name'

let question: Question | null = null

export function confirm(asked: Question): void {
  question = asked
  change({})
}

/** The dialog while a question is open. The safe answer has the focus, unless the name is missing. */
export function confirmation(): unknown {
  if (!question) return nothing
  const { title, text, yes, no, danger, signed = false, act } = question
  const known = signed ? recall(KEY) : null
  const name = typeof known === 'string' ? known : ''
  const isMissing = signed && name === ''
  const agree = (event: SubmitEvent): void => {
    event.preventDefault()
    const given = String(new FormData(event.currentTarget as HTMLFormElement).get('name') ?? '').trim()
    if (signed) keep(KEY, given)
    dismiss()
    void act(given)
  }
  return modal({
    key: question, role: 'alertdialog', label: title, describedBy: 'confirm-text',
    content: html`<h2>${title}</h2>
      <form class="execute" @submit=${agree}>
        <div id="confirm-text">${text.map((line) => html`<p>${line}</p>`)}</div>
        ${signed
          ? html`<div class="field"><label for="confirm-name">${t.watch.name}</label>
              <input id="confirm-name" name="name" type="text" autocomplete="name" required pattern=".*\\S.*" title=${t.watch.nameHelp} .value=${name} ?autofocus=${isMissing} placeholder="ann@example.com" /></div>`
          : nothing}
        <div class="answers"><button type="button" class="plain" ?autofocus=${!isMissing} @click=${dismiss}>${no}</button>
          <button type="submit" class=${danger ? 'primary danger' : 'primary'}>${yes}</button></div>
      </form>`,
    closed: () => {
      question = null
      change({})
    },
  })
}
