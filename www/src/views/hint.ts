// The text of a title for everybody without a mouse. It is shown to fingers always, and to keys while its control has the focus.
import { html, type TemplateResult } from 'lit-html'

/** The help of the control before it, which refers to it by `aria-describedby`. */
export const hint = (id: string, text: string): TemplateResult => html`<small class="hint" id=${id}>${text}</small>`
