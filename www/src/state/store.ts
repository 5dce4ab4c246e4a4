// What the page knows, and the only way to change it.
import { plan, type Plan } from '../core'
import { Q1, examples } from '../examples'
import * as beyond from './beyond'
import { parseFields, valueAt, type Documents } from './document'
import { decode, encode, holdsDocuments, packedPart, viewOf } from './fragment'
import { keep, recall } from './kept'
import { NATURAL, type Sort } from './order'
import { samePart } from './parts'
import { takeToken } from './served'
import { readStored, writeStored } from './stored'
import { dropUnsaved, keepUnsaved, takeUnsaved } from './unsaved'

export const VIEWS = ['plan', 'compare', 'rehearse', 'watch', 'evidence'] as const
export type View = (typeof VIEWS)[number]
export const INSPECTOR = ['request', 'message', 'why', 'totals', 'commands'] as const
export type Theme = 'auto' | 'light' | 'dark'

export interface State {
  view: View
  documents: Documents
  /** Whether the plan in the address cannot be read, so that something else is shown. */
  damaged: boolean
  plan: Plan
  /** The row of the table that the inspector shows. */
  selected: number | null
  requestAsText: boolean
  policyAsText: boolean
  sort: Sort
  inspector: (typeof INSPECTOR)[number]
  baseline: { documents: Documents; plan: Plan } | null
  theme: Theme
  dialog: 'palette' | 'keys' | 'drafts' | 'volume' | 'holds' | 'retention' | 'execute' | null
  /** Counts dialogs, to tell one from the next of its kind. */
  opened: number
  said: string
  /** Whether `said` reports an error. */
  wrong: boolean
  /** Whether the request is too large for the address, which then holds an older one. */
  tooLarge: boolean
}

const THEME_KEY = 'genesys-purge.theme'
const PIN = 'pin'
const TYPING_PAUSE_MS = 400

let state: State
let paint: () => void = () => undefined
/** The timer of an edit that is not in the address yet. */
let pending: ReturnType<typeof setTimeout> | undefined
/**
 * How many edits led to the documents of this history entry, and the highest number that redo can reach. Views have entries of
 * their own, but are no edits.
 */
let steps = 0
let furthest = 0
/** Where undo or redo started. It passes over all entries with the same documents. */
let leaving: { step: number; by: 1 | -1 } | null = null

export const get = (): State => state

export function change(part: Partial<State>): void {
  const another = part.dialog !== undefined && part.dialog !== state.dialog
  state = { ...state, ...part, opened: state.opened + (another ? 1 : 0) }
  paint()
}

/** Acts once the current changes have been painted, so that the elements it looks for exist. */
export function afterPaint(act: () => void): void {
  change({})
  requestAnimationFrame(act)
}

/** Says something once, on the screen and to screen readers. */
export function say(said: string, wrong = false): void {
  clearTimeout(silenceTimer)
  change({ said, wrong })
  // After a while it is no longer news, and would stand beside what has happened since.
  silenceTimer = setTimeout(() => change({ said: '' }), MESSAGE_MS)
}

const MESSAGE_MS = 10_000
let silenceTimer: ReturnType<typeof setTimeout> | undefined

const now = (): string => new Date().toISOString()

export function makePlan(documents: Documents): Plan {
  return plan(documents.request, documents.policy, { now: now(), tenantJurisdiction: null, defaultJurisdiction: null })
}

/** Changes the documents. They are planned at once, and put into the address once the typing pauses. */
export function edit(part: Partial<Documents>, remembering = true): void {
  const documents = { ...state.documents, ...part }
  const next = makePlan(documents)
  const old = state.plan
  const selected = state.selected === null ? null : samePart(old, state.selected, next)
  change({ documents, damaged: false, plan: next, selected })
  discard(old)
  if (remembering) {
    clearTimeout(pending)
    pending = setTimeout(() => void updateAddress(true), TYPING_PAUSE_MS)
  }
}

/** Replaced plans. They are still drawn until the next paint, and a scroll before that must find them. */
let discarded: Plan[] = []
function discard(old: Plan): void {
  discarded.push(old)
}

/** Frees replaced plans. Called after painting, when nothing draws them any more. */
export function freeDiscarded(): void {
  for (const old of discarded) old.free()
  discarded = []
}

/** Shows a view. Going back leads to the view before, with the documents as they are. */
export function show(view: View): void {
  // An edit that is not in the address yet was made in the view before.
  const before = pending === undefined ? Promise.resolve() : updateAddress(true)
  change({ view, dialog: null })
  // While something can be redone, the view gets no history entry of its own: that would cut the redo off.
  void before.then(() => updateAddress(steps === furthest))
}

/** The address of exactly what is shown, for sharing; null when it would be too long. */
export async function link(): Promise<string | null> {
  const hash = await encode(state.view, state.documents)
  return hash === null || hash.length > LONGEST_ADDRESS ? null : new URL(hash, location.href).href
}

/** Browsers silently cut off addresses of more than two million characters; some refuse shorter ones. */
const LONGEST_ADDRESS = 1_000_000

/** How many addresses have come from outside: typed, or reached by going back or forward. */
let arrivals = 0

async function updateAddress(asStep: boolean): Promise<void> {
  clearTimeout(pending)
  pending = undefined
  // An address that cannot be read here may still be of use to somebody, so it stays until it is replaced.
  if (state.damaged) return
  const then = arrivals
  const { documents } = state
  const hash = await encode(state.view, documents)
  // Another address has come meanwhile. It says what is shown next, so it is not overwritten.
  if (then !== arrivals) return
  const held = hash !== null && (hash === location.hash || writeAddress(hash, asStep))
  if (held) beyond.noteInAddress(documents)
  else beyond.noteBeyond(documents)
  change({ tooLarge: !held })
}

/** Puts `hash` into the address; false if the browser does not take it. */
function writeAddress(hash: string, asStep: boolean): boolean {
  if (hash.length > LONGEST_ADDRESS) return false
  const next = asStep && packedPart(hash) !== packedPart(location.hash) ? steps + 1 : steps
  try {
    history[asStep ? 'pushState' : 'replaceState']({ steps: next }, '', hash)
  } catch {
    // Some browsers limit the length of addresses, or how many there may be in a while.
    return false
  }
  if (asStep) furthest = next
  steps = next
  return true
}

export const canUndo = (): boolean => steps > 0 || beyond.canGoBack()
export const canRedo = (): boolean => steps < furthest || beyond.canGoForth()
export async function undo(): Promise<void> {
  if (pending !== undefined) await updateAddress(true)
  if (beyond.canGoBack()) await showStep(beyond.back(state.documents))
  else if (steps > 0) goThroughHistory(-1)
}
export async function redo(): Promise<void> {
  if (beyond.canGoForth()) await showStep(beyond.forth(state.documents))
  else if (steps < furthest) goThroughHistory(1)
}

function goThroughHistory(by: 1 | -1): void {
  leaving = { step: steps, by }
  history.go(by)
}

async function showStep(documents: Documents | null): Promise<void> {
  if (documents === null) return
  edit(documents, false)
  await updateAddress(false)
}

export function pin(): void {
  const { documents } = state
  if (state.baseline) discard(state.baseline.plan)
  keep(PIN, documents)
  change({ baseline: { documents, plan: makePlan(documents) } })
}

export function unpin(): void {
  if (state.baseline) discard(state.baseline.plan)
  keep(PIN, null)
  change({ baseline: null })
}

const darkness = matchMedia('(prefers-color-scheme: dark)')

/** Applies the user's choice of theme or, without one, the system's. */
function applyTheme(theme: Theme): void {
  const dark = theme === 'dark' || (theme === 'auto' && darkness.matches)
  document.documentElement.dataset['theme'] = dark ? 'dark' : 'light'
}

export function setTheme(theme: Theme): void {
  applyTheme(theme)
  writeStored('localStorage', THEME_KEY, theme)
  change({ theme })
}

function storedTheme(): Theme {
  const theme = readStored('localStorage', THEME_KEY)
  return theme === 'light' || theme === 'dark' ? theme : 'auto'
}

function viewFrom(hash: string): View {
  return VIEWS.find((view) => view === viewOf(hash)) ?? 'plan'
}

/** Shown when the plan in an address cannot be read: nothing that could be mistaken for that plan. */
const UNREADABLE: Documents = { request: '{"version": 1}', policy: null }

/** Starts from the address. `arrived` is called when the page is later given the token of another start of the server. */
export async function begin(painter: () => void, arrived: () => void): Promise<void> {
  const theme = storedTheme()
  applyTheme(theme)
  darkness.addEventListener('change', () => {
    applyTheme(state.theme)
    paint()
  })
  const unsaved = takeUnsaved(location.hash)
  const found = unsaved ?? (await decode(location.hash))
  const damaged = found === null && holdsDocuments(location.hash)
  const documents = found ?? (damaged ? UNREADABLE : { request: (examples[0] ?? Q1).request, policy: null })
  beyond.leaveAddress(null)
  const addressed = unsaved === null ? null : await decode(location.hash)
  beyond.noteInAddress(addressed ?? (unsaved === null ? documents : { request: (examples[0] ?? Q1).request, policy: null }))
  const pinned = recall(PIN) as Documents | null
  state = {
    view: viewFrom(location.hash),
    documents,
    damaged,
    plan: makePlan(documents),
    selected: null,
    requestAsText: parseFields(documents.request) === null,
    policyAsText: false,
    sort: NATURAL,
    inspector: 'request',
    baseline: pinned === null ? null : { documents: pinned, plan: makePlan(pinned) },
    theme,
    dialog: null,
    opened: 0,
    said: '',
    wrong: false,
    tooLarge: false,
  }
  const entry = history.state as { steps?: number } | null
  steps = entry?.steps ?? 0
  furthest = steps
  if (damaged) history.replaceState({ steps }, '')
  paint = painter
  addEventListener('popstate', (event) => {
    const to = (event.state as { steps?: number } | null)?.steps
    if (takeToken()) arrived()
    void restore(to)
  })
  addEventListener('pagehide', () => {
    if (pending !== undefined || state.tooLarge) keepUnsaved(location.hash, state.documents)
  })
  // The browser kept the page as it was, with what was typed. The unsaved copy has to go, or a reload would bring back what has
  // been undone since.
  addEventListener('pageshow', (event) => {
    if (event.persisted) dropUnsaved()
  })
  // A reload would bring the documents back, but closing the tab would not.
  addEventListener('beforeunload', (event) => {
    if (state.tooLarge) event.preventDefault()
  })
  await updateAddress(unsaved !== null)
  paint()
}

/** Shows what the address says now. `to` is undefined for a typed address, which becomes the latest step. */
async function restore(to: number | undefined): Promise<void> {
  clearTimeout(pending)
  pending = undefined
  arrivals += 1
  if (leaving !== null && to === leaving.step) return history.go(leaving.by)
  leaving = null
  steps = to ?? steps + 1
  furthest = to === undefined ? steps : Math.max(furthest, steps)
  const { hash } = location
  const documents = await decode(hash)
  if (hash !== location.hash) return
  beyond.leaveAddress(state.tooLarge ? state.documents : null)
  const damaged = documents === null && holdsDocuments(hash)
  change({ view: viewFrom(hash), tooLarge: false })
  if (documents !== null || damaged) edit(documents ?? UNREADABLE, false)
  change({ damaged })
  if (to === undefined) history.replaceState({ steps }, '', hash)
  await updateAddress(false)
}

/** A base name for files: the request's own name, as far as file names allow. */
export function fileName(): string {
  const name = valueAt(parseFields(state.documents.request) ?? {}, ['name'])
  const plain = typeof name === 'string' ? name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-') : ''
  return plain.replaceAll(/^-+|-+$/g, '') || 'purge'
}
