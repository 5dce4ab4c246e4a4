// Texts of core name what was typed in backticks.
import { html, type TemplateResult } from 'lit-html'

export function ticked(text: string): (string | TemplateResult)[] {
  return text.split('`').map((piece, place) => (place % 2 === 1 ? html`<code>${piece}</code>` : piece))
}
