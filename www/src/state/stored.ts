// What this browser keeps: some keep nothing, or not so much, and the page goes on without it.

type Where = 'localStorage' | 'sessionStorage'

/** What is kept there under that name, or null. */
export function readStored(where: Where, key: string): string | null {
  try {
    return globalThis[where].getItem(key)
  } catch {
    return null
  }
}

/** Keeps it there, or takes it away where it is null. Whether the browser did so. */
export function writeStored(where: Where, key: string, value: string | null): boolean {
  try {
    if (value === null) globalThis[where].removeItem(key)
    else globalThis[where].setItem(key, value)
    return true
  } catch {
    return false
  }
}
