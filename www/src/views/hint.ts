// What a title says to a mouse, for everybody else: shown where a finger points, and while a key has the focus.
import { html, type TemplateResult } from 'lit-html'

/** The help of the control before it, which names it by `aria-describedby`. */
export const hint = (id: string, text: string): TemplateResult => html`<small class="hint" id=${id}>${text}</small>`
