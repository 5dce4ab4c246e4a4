// Parts of the page that are fetched when they are first needed, so that the rest loads sooner.
import { html, nothing, type TemplateResult } from 'lit-html'
import type { Kind } from '../state/rows'
import { get, say } from '../state/store'
import { t } from '../texts/page'
import { Later } from './fetched'

const runs = new Later(async () => {
  const [rehearse, evidence] = await Promise.all([import('./rehearse'), import('./evidence')])
  return { ...rehearse, ...evidence }
})
const compare = new Later(() => import('./compare'))
const handing = new Later(() => import('./handover'))
const dialogs = new Later(() => import('./dialogs'))
const printedSheet = new Later(() => import('./sheet'))

export const rehearseView = (): TemplateResult => runs.view((loaded) => loaded.rehearseView())
export const evidenceView = (): TemplateResult => runs.view((loaded) => loaded.evidenceView())
export const compareView = (): TemplateResult => compare.view((loaded) => loaded.compareView())
export const handOver = (): TemplateResult => handing.view((loaded) => loaded.handOver())

/** Printing does not wait, so the sheet is fetched as soon as the page has loaded. */
export const fetchSheet = (): void => void printedSheet.fetch()

export const sheet = (): TemplateResult => printedSheet.loaded?.sheet() ?? html`<section class="sheet">${t.notLoaded}</section>`

/** The name of the purge whose evidence was checked. */
export const checkedName = (): string => runs.loaded?.checkedName() ?? ''

export const certificate = (): TemplateResult | null => runs.loaded?.certificate() ?? null

export function drawRehearsal(): void {
  runs.loaded?.drawRehearsal()
}

export function drawCompare(): void {
  compare.loaded?.drawCompare()
}

/** A key that is pressed before the view is there takes effect once it is. */
export function playOrPause(): void {
  void runs.fetch().then((loaded) => loaded?.playOrPause())
}

/** A dialog that was asked for opens once it is there. */
export function laterDialogs(): unknown {
  const { dialog } = get()
  if (dialog === null || dialog === 'palette' || dialog === 'execute') return nothing
  return dialogs.dialog((loaded) => loaded.dialogs(dialog))
}

/** Adds rows of a spreadsheet to the policy, or shows what is wrong with them. */
export function addOrShowRows(text: string, kind: Kind): void {
  void dialogs.fetch().then((loaded) => (loaded ? loaded.addOrShowRows(text, kind) : say(t.notLoaded, true)))
}
