// What a reload brings back beside the request and the policy, which the address has. It goes with the tab.
import { store, stored } from './stored'

const KEY = 'genesys-purge.kept.'

/** Keeps it under that name; null keeps nothing. */
export function keep(name: string, value: unknown): void {
  store('sessionStorage', KEY + name, value === null ? null : JSON.stringify(value))
}

/** What was kept under that name, or null. */
export function kept(name: string): unknown {
  try {
    return JSON.parse(stored('sessionStorage', KEY + name) ?? 'null')
  } catch {
    return null
  }
}
