// Texts of core name what was typed in backticks, and windows as intervals: where both ends are midnight the days say it all.
import { html, nothing, type TemplateResult } from 'lit-html'

/** What is no longer stays on one line: a window of whole days, an instant. */
const SHORT = 24

export function withCode(text: string): (string | TemplateResult)[] {
  return text.replaceAll(/T00:00:00\.000Z\/(\d{4}-\d\d-\d\d)T00:00:00\.000Z/g, '/$1').split('`').map((piece, place) => (place % 2 === 1 ? html`<code class=${piece.length > SHORT ? nothing : 'short'}>${piece}</code>` : piece))
}
