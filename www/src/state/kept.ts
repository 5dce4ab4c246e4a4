// What a reload brings back beside the request and the policy, which the address has. It goes with the tab.
import { readStored, writeStored } from './stored'

const KEY = 'genesys-purge.kept.'

/** Keeps it under that name; null keeps nothing. */
export function keep(name: string, value: unknown): void {
  writeStored('sessionStorage', KEY + name, value === null ? null : JSON.stringify(value))
}

/** What was kept under that name, or null. */
export function recall(name: string): unknown {
  try {
    return JSON.parse(readStored('sessionStorage', KEY + name) ?? 'null')
  } catch {
    return null
  }
}
