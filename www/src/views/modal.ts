// A dialog over the page. It is always closed through the browser, which then puts the focus back where it was.
import { html, type TemplateResult } from 'lit-html'
import { keyed } from 'lit-html/directives/keyed.js'
import { ref } from 'lit-html/directives/ref.js'
import { change, get } from '../state/store'
import { t } from '../texts/page'

/** Whether a press began outside the dialog. One that selects text begins inside, even if it is released outside. */
let pressedOutside = false

const openWhenConnected = ref((element) => {
  const dialog = element as HTMLDialogElement | undefined
  if (!dialog) return
  // The element is not in the document yet while it is being rendered.
  queueMicrotask(() => {
    if (dialog.isConnected && !dialog.open) dialog.showModal()
  })
})

interface Modal {
  /** Tells one dialog from the next. */
  key: unknown
  role: 'dialog' | 'alertdialog'
  label: string
  /** The id of its description. */
  describedBy?: string
  content: TemplateResult
  /** Called when it has been closed, in whatever way. */
  closed: () => void
}

/** Closes the open dialog, if any. */
export function dismiss(): void {
  document.querySelector<HTMLDialogElement>('dialog[open]')?.close()
}

export function modal({ key, role, label, describedBy = '', content, closed }: Modal): unknown {
  return keyed(key, html`<dialog ${openWhenConnected} role=${role} aria-label=${label} aria-describedby=${describedBy} @close=${closed}
    @pointerdown=${(event: Event) => (pressedOutside = event.target === event.currentTarget)}
    @click=${(event: Event) => pressedOutside && event.target === event.currentTarget && dismiss()}><div class="dialog">${content}</div></dialog>`)
}

/** A dialog that the state has open, with a title and a close button. */
export function frame(title: string, content: unknown): unknown {
  const own = get().opened
  return modal({
    key: own, role: 'dialog', label: title,
    content: html`<header class="bar"><h2>${title}</h2><button type="button" class="plain" @click=${dismiss}>${t.close}</button></header>${content}`,
    closed: () => {
      // Another dialog may have taken its place.
      if (get().opened === own) change({ dialog: null })
    },
  })
}
