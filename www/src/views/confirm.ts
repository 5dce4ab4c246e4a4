// Asks for confirmation: what will happen, to what, and what stays as it is. Where it is recorded who asked, it asks for the name.
import { html, nothing } from 'lit-html'
import { keep, recall } from '../state/kept'
import { change } from '../state/store'
import { t } from '../texts/runs'
import type { Finding } from '../types'
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
  /** Does it, and returns why it was refused, if it was. The name is empty where it is not recorded. */
  act: (name: string) => Promise<Finding[]>
}

const KEY = 'name'

let question: Question | null = null
/** The name that the server has just refused, and why. */
let refused: { name: string; why: Finding[] } | null = null

export function confirm(asked: Question): void {
  question = asked
  refused = null
  change({})
}

/** Does what was asked for. If only the name stands against it, the question comes again, with the name to be mended. */
async function act(asked: Question, name: string): Promise<void> {
  const why = (await asked.act(name)).filter(({ pointer }) => pointer === '#/askedBy')
  if (why.length > 0) {
    confirm(asked)
    refused = { name, why }
  }
  else if (asked.signed) keep(KEY, name)
}

/** The dialog while a question is open. The safe answer has the focus, unless the name is missing. */
export function confirmation(): unknown {
  if (!question) return nothing
  const asked = question
  const { title, text, yes, no, danger, signed = false } = asked
  const known = refused?.name ?? (signed ? recall(KEY) : null)
  const name = typeof known === 'string' ? known : ''
  const isOpen = signed && (name === '' || refused !== null)
  const agree = (event: SubmitEvent): void => {
    event.preventDefault()
    const given = String(new FormData(event.currentTarget as HTMLFormElement).get('name') ?? '').trim()
    dismiss()
    void act(asked, given)
  }
  return modal({
    key: question, role: 'alertdialog', label: title, describedBy: 'confirm-text',
    content: html`<h2>${title}</h2>
      <form class="execute" @submit=${agree}>
        <div id="confirm-text">${text.map((line) => html`<p>${line}</p>`)}</div>
        ${signed
          ? html`<div class="field"><label for="confirm-name">${t.watch.name}</label>
              <input id="confirm-name" name="name" type="text" autocomplete="name" required pattern=".*\\S.*" title=${t.watch.nameHelp} .value=${name} ?autofocus=${isOpen} placeholder="ann@example.com"
                aria-invalid=${refused ? 'true' : nothing} aria-describedby=${refused ? 'confirm-refused' : nothing} /></div>
            ${refused ? html`<p id="confirm-refused" class="error" role="alert">${refused.why.map((f) => html`${f.message}; ${f.help}`)}</p>` : nothing}`
          : nothing}
        <div class="answers"><button type="button" class="plain" ?autofocus=${!isOpen} @click=${dismiss}>${no}</button>
          <button type="submit" class=${danger ? 'primary danger' : 'primary'}>${yes}</button></div>
      </form>`,
    closed: () => {
      question = null
      change({})
    },
  })
}
