// The files that a plan is handed over as.
import { fileName, get } from '../state/store'
import { save } from './files'

export function exportPlan(): void {
  const file = get().plan.file()
  if (file) save(`${fileName()}.plan.json`, `${JSON.stringify(JSON.parse(file), null, 2)}\n`)
}

export function exportRequest(): void {
  save(`${fileName()}.json`, get().documents.request)
}

export function exportPolicy(): void {
  const { policy } = get().documents
  if (policy !== null) save(`${fileName()}.policy.json`, policy)
}
