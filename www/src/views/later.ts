// Views that are fetched when they are first opened, so that the page is there sooner.
import { html, type TemplateResult } from 'lit-html'
import { change } from '../state/store'
import { t } from '../texts'

interface Parts {
  rehearseView: () => TemplateResult
  drawRehearsal: () => void
  playOrPause: () => void
  evidenceView: () => TemplateResult
  certificate: () => TemplateResult | null
}

let parts: Parts | null = null
let fetching: Promise<void> | null = null

async function fetchParts(): Promise<void> {
  const [rehearse, evidence] = await Promise.all([import('./rehearse'), import('./evidence')])
  parts = { ...rehearse, ...evidence }
  change({})
}

function fetchOnce(): Promise<void> {
  fetching ??= fetchParts()
  return fetching
}

function opened(draw: (there: Parts) => TemplateResult): TemplateResult {
  void fetchOnce()
  return parts ? draw(parts) : html`<p class="empty page">${t.loadingView}</p>`
}

export const rehearseView = (): TemplateResult => opened((there) => there.rehearseView())
export const evidenceView = (): TemplateResult => opened((there) => there.evidenceView())

export const certificate = (): TemplateResult | null => parts?.certificate() ?? null

export function drawRehearsal(): void {
  parts?.drawRehearsal()
}

/** A key that is pressed before the view is there counts when it is. */
export function playOrPause(): void {
  void fetchOnce().then(() => parts?.playOrPause())
}
