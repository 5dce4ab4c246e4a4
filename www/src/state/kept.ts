// What a reload brings back beside the request and the policy, which the address has. It goes with the tab.

const KEY = 'genesys-purge.kept.'

/** Keeps it under that name; null keeps nothing. */
export function keep(name: string, value: unknown): void {
  try {
    if (value === null) sessionStorage.removeItem(KEY + name)
    else sessionStorage.setItem(KEY + name, JSON.stringify(value))
  } catch {
    // Where a browser keeps nothing, or not so much, a reload begins without it.
  }
}

/** What was kept under that name, or null. */
export function kept(name: string): unknown {
  try {
    return JSON.parse(sessionStorage.getItem(KEY + name) ?? 'null')
  } catch {
    return null
  }
}
