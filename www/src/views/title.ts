// The title of the tab, which is also the name of a printed file.
import { parseFields, valueAt } from '../state/document'
import { get } from '../state/store'
import { t } from '../texts/page'
import { checkedName } from './later'

export function title(printing: boolean): string {
  const { documents, plan, view } = get()
  // The checked evidence has a name of its own, as the plan in hand may be another one.
  const name = printing && view === 'evidence' ? checkedName() : valueAt(parseFields(documents.request) ?? {}, ['name'])
  const named = typeof name === 'string' ? name.trim() : ''
  const what = !printing ? t.views[view] : view === 'evidence' ? t.evidence.certificate : [t.print.title, plan.summary.shortCode].filter(Boolean).join(' ')
  return [named, what, t.product].filter((part) => part !== '').join(' · ')
}
