// What the tab is called, and the file that is printed into.
import { parseFields, valueAt } from '../state/document'
import { get } from '../state/store'
import { t } from '../texts/page'
import { checkedPurgeName } from './later'

export function title(printing: boolean): string {
  const { documents, plan, view } = get()
  // What is certified has a name of its own: the plan in hand may be another one.
  const name = printing && view === 'evidence' ? checkedPurgeName() : valueAt(parseFields(documents.request) ?? {}, ['name'])
  const named = typeof name === 'string' ? name.trim() : ''
  const what = !printing ? t.views[view] : view === 'evidence' ? t.evidence.certificate : [t.print.title, plan.summary.shortCode].filter(Boolean).join(' ')
  return [named, what, t.product].filter((part) => part !== '').join(' · ')
}
