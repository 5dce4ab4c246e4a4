// The browser's storage. Some browsers store nothing, or too little; the page then goes on without it.

type Where = 'localStorage' | 'sessionStorage'

/** The value stored under that name, or null. */
export function readStored(where: Where, key: string): string | null {
  try {
    return globalThis[where].getItem(key)
  } catch {
    return null
  }
}

/** Stores a value, or removes it when it is null. False if the browser did not. */
export function writeStored(where: Where, key: string, value: string | null): boolean {
  try {
    if (value === null) globalThis[where].removeItem(key)
    else globalThis[where].setItem(key, value)
    return true
  } catch {
    return false
  }
}
