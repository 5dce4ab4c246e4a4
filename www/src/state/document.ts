// The request and the policy as texts, and edits of single fields. They are kept as texts because core plans exactly what is
// written.

export interface Documents {
  request: string
  policy: string | null
}

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json }
export type Fields = { [name: string]: Json }

/** The text as an object; null when it is not one, so that only the text itself can be edited. */
export function parseFields(text: string): Fields | null {
  try {
    const value = JSON.parse(text) as Json
    return value !== null && typeof value === 'object' && !Array.isArray(value) ? value : null
  } catch {
    return null
  }
}

/** Which of the two documents a text is, by members that only one of them has; null when it could be either. */
export function documentOf(text: string): 'request' | 'policy' | null {
  const fields = parseFields(text) ?? {}
  const [request, policy] = [['api', 'range'], ['holds', 'retention']].map((names) => names.some((name) => name in fields))
  return request === policy ? null : request ? 'request' : 'policy'
}

/** Whether core could not read that document at all. Its fields may then not be what its text says. */
export function isUnreadable(findings: readonly { code: string; pointer: string }[], document: 'request' | 'policy'): boolean {
  return findings.some(({ code, pointer }) => code.startsWith('json.') && pointer.startsWith('policy#') === (document === 'policy'))
}

export function valueAt(value: Json | undefined, path: readonly (string | number)[]): Json | undefined {
  let here: Json | undefined = value
  for (const step of path) {
    if (here === null || typeof here !== 'object') return undefined
    here = Array.isArray(here) ? here[Number(step)] : here[step]
  }
  return here
}

export function textAt(value: Json | undefined, path: readonly (string | number)[]): string {
  const found = valueAt(value, path)
  if (found === undefined || found === null) return ''
  return typeof found === 'string' ? found : JSON.stringify(found)
}

/** The text with one field set, or removed when `value` is undefined. Everything else keeps its value. */
export function withField(text: string, path: readonly (string | number)[], value: Json | undefined): string {
  const root = parseFields(text) ?? {}
  set(root, path, value)
  return JSON.stringify(root, null, 2)
}

function set(root: Json, path: readonly (string | number)[], value: Json | undefined): void {
  const [step, ...rest] = path
  if (step === undefined || root === null || typeof root !== 'object') return
  if (rest.length === 0) {
    if (Array.isArray(root)) {
      if (value === undefined) root.splice(Number(step), 1)
      else root[Number(step)] = value
    } else if (value === undefined) delete root[step]
    else root[step] = value
    return
  }
  const holder = root as { [name: string]: Json }
  const next = holder[step]
  if (next === undefined || next === null || typeof next !== 'object') {
    if (value === undefined) return
    holder[step] = typeof rest[0] === 'number' ? [] : {}
  }
  set(holder[step] ?? null, rest, value)
}

/** The text with that item at the end of the list there, or removed from it. */
export function withListItem(text: string, path: readonly (string | number)[], item: string, on: boolean): string {
  const found = valueAt(parseFields(text) ?? {}, path)
  const rest = Array.isArray(found) ? found.filter((other) => other !== item) : []
  return withField(text, path, on ? [...rest, item] : rest)
}

/** A whole number as a number. Anything else stays text, for core to object to. */
export function numberOrText(text: string): Json {
  return /^-?\d{1,15}$/.test(text.trim()) ? Number(text) : text
}

/**
 * A date with the year first becomes its first instant in UTC. Anything else stays as it is: a time of day without a zone is for
 * core to object to.
 */
export function dateToInstant(text: string): string {
  return text.trim().replace(/^(\d{4})([-/.])(\d\d)\2(\d\d)$/, '$1-$3-$4T00:00:00.000Z')
}
