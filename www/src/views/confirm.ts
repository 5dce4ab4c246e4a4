// Asks for confirmation: what will happen, to what, and what stays as it is.
import { html, nothing } from 'lit-html'
import { change } from '../state/store'
import { dismiss, modal } from './modal'
import '../style/watch.css'

export interface Question {
  title: string
  text: string[]
  yes: string
  no: string
  danger: boolean
  act: () => Promise<void>
}

let question: Question | null = null

export function confirm(asked: Question): void {
  question = asked
  change({})
}

/** The dialog while a question is open. The safe answer has the focus. */
export function confirmation(): unknown {
  if (!question) return nothing
  const { title, text, yes, no, danger, act } = question
  const agree = (): void => {
    dismiss()
    void act()
  }
  return modal({
    key: question, role: 'alertdialog', label: title, describedBy: 'confirm-text',
    content: html`<h2>${title}</h2>
      <div id="confirm-text">${text.map((line) => html`<p>${line}</p>`)}</div>
      <div class="answers"><button type="button" class="plain" autofocus @click=${dismiss}>${no}</button>
        <button type="button" class=${danger ? 'primary danger' : 'primary'} @click=${agree}>${yes}</button></div>`,
    closed: () => {
      question = null
      change({})
    },
  })
}
