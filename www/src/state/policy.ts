// The lists of the policy, and how rows are added to them.
import { isUnreadable, parseFields, valueAt, withField, type Fields, type Json } from './document'
import type { Kind, Pasted } from './rows'
import { edit, get } from './store'

export const EMPTY = JSON.stringify({ version: 1, retention: [], holds: [] }, null, 2)

export function list(policy: Fields, name: Kind): Json[] {
  const found = valueAt(policy, [name])
  return Array.isArray(found) ? found : []
}

/** The policy as fields; null while only its text can be edited, because changing one field would drop what cannot be read. */
export function policyFields(): Fields | null {
  const { documents, plan } = get()
  const policy = parseFields(documents.policy ?? EMPTY)
  if (policy === null || isUnreadable(plan.summary.findings, 'policy')) return null
  // A value that is not a list must not pass for an empty one.
  const lists = (['holds', 'retention'] as const).every((name) => Array.isArray(policy[name] ?? []))
  return lists ? policy : null
}

/** The longest policy that core reads, in bytes. */
export const LONGEST = 16 * 1024 * 1024

/**
 * Adds rows to the list as it is now, starting a policy if there is none. Nothing is added when the policy cannot be read or would
 * be longer than core reads.
 */
export function addRows({ kind, rows }: Pick<Pasted, 'kind' | 'rows'>): 'added' | 'unreadable' | 'tooLong' {
  const policy = policyFields()
  if (policy === null) return 'unreadable'
  const text = withField(get().documents.policy ?? EMPTY, [kind], [...list(policy, kind), ...rows])
  if (new TextEncoder().encode(text).length > LONGEST) return 'tooLong'
  edit({ policy: text })
  return 'added'
}
