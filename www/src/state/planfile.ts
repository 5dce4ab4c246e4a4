// A plan file as somebody saved it: the request and the policy are in it, and the digest of the plan that they made then.
import { parseFields } from './document'

export interface PlanFile {
  request: string
  policy: string | null
  digest: string
}

/** What is in a plan file, or null when the text is none. */
export function readPlanFile(text: string): PlanFile | null {
  const file = parseFields(text)
  const { request, policy = null, planDigest: digest } = file ?? {}
  if (typeof digest !== 'string' || typeof request !== 'object' || request === null) return null
  const pretty = (value: unknown): string => JSON.stringify(value, null, 2)
  return { request: pretty(request), policy: policy === null ? null : pretty(policy), digest }
}
