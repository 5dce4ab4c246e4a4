// The server that this page came from, when it is `genesys-purge serve`: its token, and asking it.
import type { About, Answers } from './answers'
import type { Finding } from '../types'
import { readStored, writeStored } from './stored'

const KEY = 'genesys-purge.token'

let token: string | null = null
let about: About | null = null
let locked = false

/** Takes the token out of the address that the server printed, before anybody copies the address; a reload finds it here. Whether there was one. */
export function takeToken(): boolean {
  const given = /^#token\/([\w-]+)$/.exec(location.hash)?.[1]
  // A browser that keeps nothing asks for the printed address again after a reload.
  if (given) writeStored('sessionStorage', KEY, given)
  token = given ?? readStored('sessionStorage', KEY)
  if (given === undefined) return false
  locked = false
  // Another start may be for another tenant.
  about = null
  history.replaceState(null, '', '#watch')
  return true
}

/** Whether the page was opened at the address that a server printed. */
export const isServed = (): boolean => token !== null
/** The server, once it has answered. */
export const server = (): About | null => about
/** Whether the server does not take the token, if this page has one: it may have been started again since. */
export const isLocked = (): boolean => locked

/** Why the server did not do what it was asked. */
export class Refusal extends Error {
  readonly status: number
  readonly findings: Finding[]

  constructor(status: number, findings: Finding[]) {
    super(findings[0]?.message ?? `HTTP ${status}`)
    this.status = status
    this.findings = findings
  }
}

/** One request to the server. The token goes into a header, never into an address. */
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

/** Asks the server what it is. */
export async function fetchAbout(): Promise<void> {
  about = await ask<Answers['server']>('/server')
}

let hasLooked = false

/** Whoever opens the page without the token may still have it from a server: asked once, which answers nothing but that it wants one. */
export async function lookForServer(paint: () => void): Promise<void> {
  if (hasLooked || locked || token !== null) return
  hasLooked = true
  await fetchAbout().catch((why: unknown) => {
    // A token may have come in the meantime; and whatever else hosts the page may have a 401 of its own.
    locked = token === null && why instanceof Refusal && why.findings[0]?.code === 'server.token'
  })
  paint()
}
