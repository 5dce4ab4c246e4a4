// What the rest of the page shows when a server hosts it. The view itself is fetched when it is first needed.
import { html, nothing, type TemplateResult } from 'lit-html'
import { fetchAbout, isServed, server } from '../state/served'
import { change, get } from '../state/store'
import { t } from '../texts/page'
import { Later } from './fetched'
import { frame } from './modal'

const parts = new Later(async () => {
  const [watch, confirm, execute] = await Promise.all([import('./watch'), import('./confirm'), import('./execute')])
  return { ...watch, ...confirm, ...execute }
})
let paint: () => void = () => undefined

/**
 * Asks the server about itself, so that the frame shows its tenant from the first moment; again when the page is given another
 * token.
 */
export function begin(painter: () => void): void {
  paint = painter
  parts.loaded?.renew()
  if (isServed()) askServer()
}

function askServer(): void {
  void fetchAbout().catch(() => undefined).finally(paint)
}

export function watchView(): TemplateResult {
  return parts.view((loaded) => loaded.watchView(), t.watch.loading)
}

export function drawWatch(): void {
  parts.loaded?.drawWatch()
}

export function servedDialogs(): unknown {
  if (get().dialog === 'execute') return parts.dialog((loaded) => frame(t.execute.title, loaded.executeForm()))
  return parts.loaded?.confirmation() ?? nothing
}

/** Names the tenant that this server carries runs out on. Shown in every view. */
export function tenantBadge(): TemplateResult | typeof nothing {
  const about = server()
  if (about === null) return nothing
  return about.simulated
    ? html`<strong class="where" title=${t.execute.simulated}>${t.watch.simulated}</strong>`
    : html`<strong class="where earnest" title=${t.execute.tenant(about.tenant ?? '')}>${about.tenant}</strong>`
}

/** Whether there is a server to carry plans out. Beside a watched run, that would seem to be about that run. */
export const canCarryOut = (): boolean => isServed() && get().view !== 'watch' && get().view !== 'evidence'

export function carryOut(): void {
  parts.loaded?.forgetRefusals()
  // Nothing may be carried out before the tenant is known.
  if (server() === null) askServer()
  change({ dialog: 'execute' })
}
