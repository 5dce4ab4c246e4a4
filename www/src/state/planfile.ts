// A saved plan file: it has the request, the policy, and the digest of the plan that they made at the time.
import { parseFields } from './document'

export interface PlanFile {
  request: string
  policy: string | null
  digest: string
}

/** The contents of a plan file; null when the text is not one. */
export function readPlanFile(text: string): PlanFile | null {
  const file = parseFields(text)
  const { request, policy = null, planDigest: digest } = file ?? {}
  if (typeof digest !== 'string' || typeof request !== 'object' || request === null) return null
  const pretty = (value: unknown): string => JSON.stringify(value, null, 2)
  return { request: pretty(request), policy: policy === null ? null : pretty(policy), digest }
}
