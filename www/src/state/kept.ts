// What a reload restores besides the request and the policy, which are in the address. It is lost with the tab.
import { readStored, writeStored } from './stored'

const KEY = 'genesys-purge.kept.'

/** Keeps a value under that name; null removes it. */
export function keep(name: string, value: unknown): void {
  writeStored('sessionStorage', KEY + name, value === null ? null : JSON.stringify(value))
}

/** The value that was kept under that name, or null. */
export function recall(name: string): unknown {
  try {
    return JSON.parse(readStored('sessionStorage', KEY + name) ?? 'null')
  } catch {
    return null
  }
}
