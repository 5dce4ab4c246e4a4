// Asking before something happens: what it is, to what, and what stays as it is.
import { html, nothing, type TemplateResult } from 'lit-html'
import { ref } from 'lit-html/directives/ref.js'
import { change } from '../state/store'

export interface Question {
  title: string
  text: string[]
  yes: string
  no: string
  danger: boolean
  act: () => Promise<void>
}

let question: Question | null = null

const opened = ref((element) => {
  const dialog = element as HTMLDialogElement | undefined
  if (!dialog) return
  // The element is not in the document yet while it is being rendered.
  queueMicrotask(() => {
    if (dialog.isConnected && !dialog.open) dialog.showModal()
  })
})

export function confirm(asked: Question): void {
  question = asked
  change({})
}

function close(): void {
  question = null
  change({})
}

/** The dialog, while something is asked. The safe answer has the focus. */
export function confirmation(): TemplateResult | typeof nothing {
  if (!question) return nothing
  const { title, text, yes, no, danger, act } = question
  const agree = (): void => {
    close()
    void act()
  }
  return html`<dialog ${opened} role="alertdialog" aria-labelledby="confirm-title" aria-describedby="confirm-text" @close=${close}
    @click=${(event: Event) => event.target === event.currentTarget && close()}>
    <div class="dialog"><h2 id="confirm-title">${title}</h2>
      <div id="confirm-text">${text.map((line) => html`<p>${line}</p>`)}</div>
      <div class="answers"><button type="button" class="plain" autofocus @click=${close}>${no}</button>
        <button type="button" class=${danger ? 'primary danger' : 'primary'} @click=${agree}>${yes}</button></div>
    </div></dialog>`
}
