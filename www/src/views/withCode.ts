// Formats a text of core. Backticks enclose what was typed, shown as code. Windows are intervals, shortened to days where both ends
// are midnight.
import { html, nothing, type TemplateResult } from 'lit-html'

/** Longer code may be broken across lines. A window of whole days and an instant are not. */
const SHORT = 24

export function withCode(text: string): (string | TemplateResult)[] {
  return text.replaceAll(/T00:00:00\.000Z\/(\d{4}-\d\d-\d\d)T00:00:00\.000Z/g, '/$1').split('`').map((piece, place) => (place % 2 === 1 ? html`<code class=${piece.length > SHORT ? nothing : 'short'}>${piece}</code>` : piece))
}
