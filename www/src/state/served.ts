// The server that this page came from, if it is `genesys-purge serve`: its token, and requests to it.
import type { About, Answers } from './answers'
import type { Finding } from '../types'
import { readStored, writeStored } from './stored'

const KEY = 'genesys-purge.token'

let token: string | null = null
let about: About | null = null
let locked = false

/** Takes the token out of the printed address before anybody can copy it, and keeps it for a reload. False if the address has none. */
export function takeToken(): boolean {
  const given = /^#token\/([\w-]+)$/.exec(location.hash)?.[1]
  // Where the browser stores nothing, the printed address is needed again after a reload.
  if (given) writeStored('sessionStorage', KEY, given)
  token = given ?? readStored('sessionStorage', KEY)
  if (given === undefined) return false
  locked = false
  // The server may have been started again, for another tenant.
  about = null
  history.replaceState(null, '', '#watch')
  return true
}

/** Whether the page was opened at the address that a server printed. */
export const isServed = (): boolean => token !== null
/** What the server says about itself, once it has answered. */
export const server = (): About | null => about
/** Whether the server refuses this page's token, or wants one that the page does not have. It may have been started again since. */
export const isLocked = (): boolean => locked

/** Why the server refused a request. */
export class Refusal extends Error {
  readonly status: number
  readonly findings: Finding[]

  constructor(status: number, findings: Finding[]) {
    super(findings[0]?.message ?? `HTTP ${status}`)
    this.status = status
    this.findings = findings
  }
}

/** Sends one request. The token goes into a header, never into an address. */
export async function send(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers)
  headers.set('authorization', `Bearer ${token ?? ''}`)
  const response = await fetch(new URL(`api${path}`, document.baseURI), {
    ...init, headers, cache: 'no-store', credentials: 'omit', redirect: 'error', referrerPolicy: 'no-referrer',
  })
  locked = response.status === 401
  if (response.ok) return response
  const problem = (await response.json().catch(() => null)) as Partial<Answers['problem']> | null
  throw new Refusal(response.status, problem?.findings ?? [])
}

export async function ask<T>(path: string): Promise<T> {
  return (await (await send(path)).json()) as T
}

export async function post<T>(path: string, body: unknown): Promise<T> {
  const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
  return (await (await send(path, init)).json()) as T
}

/** Asks the server about itself. */
export async function fetchAbout(): Promise<void> {
  about = await ask<Answers['server']>('/server')
}

let hasLooked = false

/** Finds out whether a page without a token came from a server: asks it once, to which a server answers only that it wants a token. */
export async function lookForServer(paint: () => void): Promise<void> {
  if (hasLooked || locked || token !== null) return
  hasLooked = true
  await fetchAbout().catch((why: unknown) => {
    // A token may have arrived in the meantime, and another host may have a 401 of its own.
    locked = token === null && why instanceof Refusal && why.findings[0]?.code === 'server.token'
  })
  paint()
}
