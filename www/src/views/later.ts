// Parts of the page that are fetched when they are first needed, so that the rest of it is there sooner.
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

export const rehearseView = (): TemplateResult => runs.opened((there) => there.rehearseView())
export const evidenceView = (): TemplateResult => runs.opened((there) => there.evidenceView())
export const compareView = (): TemplateResult => compare.opened((there) => there.compareView())
export const handOver = (): TemplateResult => handing.opened((there) => there.handOver())

/** A browser that prints does not wait: so this one is fetched once the page is there. */
export const fetchSheet = (): void => void printedSheet.fetch()

export const sheet = (): TemplateResult => printedSheet.there?.sheet() ?? html`<section class="sheet">${t.notLoaded}</section>`

/** What people call the purge whose evidence was checked. */
export const checkedPurgeName = (): string => runs.there?.checkedPurgeName() ?? ''

export const certificate = (): TemplateResult | null => runs.there?.certificate() ?? null

export function drawRehearsal(): void {
  runs.there?.drawRehearsal()
}

export function drawCompare(): void {
  compare.there?.drawCompare()
}

/** A key that is pressed before the view is there counts when it is. */
export function playOrPause(): void {
  void runs.fetch().then((there) => there?.playOrPause())
}

/** A dialog that is asked for opens when it is there. */
export function laterDialogs(): unknown {
  const { dialog } = get()
  if (dialog === null || dialog === 'palette' || dialog === 'execute') return nothing
  return dialogs.dialog((there) => there.dialogs(dialog))
}

/** Adds rows of a spreadsheet to the policy, or shows what is wrong with them. */
export function addOrShowRows(text: string, kind: Kind): void {
  void dialogs.fetch().then((there) => (there ? there.addOrShowRows(text, kind) : say(t.notLoaded, true)))
}
