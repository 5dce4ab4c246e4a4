// What the page knows, and the one way to change it.
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
  /** Whether the address holds a plan that cannot be read: what is shown is not that plan. */
  damaged: boolean
  plan: Plan
  /** Row of the table that the inspector shows. */
  selected: number | null
  requestAsText: boolean
  policyAsText: boolean
  sort: Sort
  inspector: (typeof INSPECTOR)[number]
  baseline: { documents: Documents; plan: Plan } | null
  theme: Theme
  dialog: 'palette' | 'keys' | 'drafts' | 'volume' | 'holds' | 'retention' | 'execute' | null
  /** Counts dialogs, so that one is told from the next of its kind. */
  opened: number
  said: string
  /** Whether what is said is that something went wrong. */
  wrong: boolean
  /** Whether the address cannot hold the request: then it holds an older one. */
  tooLarge: boolean
}

const THEME_KEY = 'genesys-purge.theme'
const PIN = 'pin'
const TYPING_PAUSE_MS = 400

let state: State
let paint: () => void = () => undefined
/** An edit that the address does not have yet. */
let pending: ReturnType<typeof setTimeout> | undefined
/** How many edits led to the documents of this entry of the history, and the most that can be gone forward to. Views are entries, too, but no edits. */
let steps = 0
let furthest = 0
/** What undo or redo leads away from: all entries with these documents are passed over. */
let leaving: { step: number; by: 1 | -1 } | null = null

export const get = (): State => state

export function change(part: Partial<State>): void {
  const another = part.dialog !== undefined && part.dialog !== state.dialog
  state = { ...state, ...part, opened: state.opened + (another ? 1 : 0) }
  paint()
}

/** Does it once what was changed has been painted: then what it looks for is there. */
export function afterPaint(act: () => void): void {
  change({})
  requestAnimationFrame(act)
}

/** Says something once to people who look and to those who listen. */
export function say(said: string, wrong = false): void {
  clearTimeout(silenceTimer)
  change({ said, wrong })
  // What was said a while ago is no news, and would stand beside what has happened since.
  silenceTimer = setTimeout(() => change({ said: '' }), MESSAGE_MS)
}

const MESSAGE_MS = 10_000
let silenceTimer: ReturnType<typeof setTimeout> | undefined

const now = (): string => new Date().toISOString()

export function makePlan(documents: Documents): Plan {
  return plan(documents.request, documents.policy, { now: now(), tenantJurisdiction: null, defaultJurisdiction: null })
}

/** New documents: planned at once, remembered in the address once the typing pauses. */
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

/** Plans that are still drawn until the next paint: what scrolls before it must find them. */
let discarded: Plan[] = []
function discard(old: Plan): void {
  discarded.push(old)
}

/** To be called when the state has been painted: nobody draws older plans any more. */
export function freeDiscarded(): void {
  for (const old of discarded) old.free()
  discarded = []
}

/** Shows a view. Going back leads to the one before, with the documents as they are. */
export function show(view: View): void {
  // An edit that the address does not have yet was made in the view before.
  const before = pending === undefined ? Promise.resolve() : updateAddress(true)
  change({ view, dialog: null })
  // What was undone can still be redone: a step of its own would cut that off.
  void before.then(() => updateAddress(steps === furthest))
}

/** The address of exactly what is shown, to be given to others; null when it would be too long. */
export async function link(): Promise<string | null> {
  const hash = await encode(state.view, state.documents)
  return hash === null || hash.length > LONGEST_ADDRESS ? null : new URL(hash, location.href).href
}

/** Browsers cut addresses of more than two million characters off, without a word; others refuse shorter ones. */
const LONGEST_ADDRESS = 1_000_000

/** How many addresses have come from outside: typed, or gone back to. */
let arrivals = 0

async function updateAddress(asStep: boolean): Promise<void> {
  clearTimeout(pending)
  pending = undefined
  // What cannot be read here may still be of use to somebody, until it is replaced.
  if (state.damaged) return
  const then = arrivals
  const { documents } = state
  const hash = await encode(state.view, documents)
  // An address that came meanwhile is not written over: it says what is shown next.
  if (then !== arrivals) return
  const held = hash !== null && (hash === location.hash || writeAddress(hash, asStep))
  if (held) beyond.noteInAddress(documents)
  else beyond.noteBeyond(documents)
  change({ tooLarge: !held })
}

/** Whether the address is that now. */
function writeAddress(hash: string, asStep: boolean): boolean {
  if (hash.length > LONGEST_ADDRESS) return false
  const next = asStep && packedPart(hash) !== packedPart(location.hash) ? steps + 1 : steps
  try {
    history[asStep ? 'pushState' : 'replaceState']({ steps: next }, '', hash)
  } catch {
    // Some browsers take only so many characters, or so many addresses in a while.
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

/** What the person chose, or else what the system has. */
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

/** What is shown for an address whose plan cannot be read: nothing that could be taken for that plan. */
const UNREADABLE: Documents = { request: '{"version": 1}', policy: null }

/** Starts from the address; `arrived` is told when somebody comes with the token of a server that has been started since. */
export async function begin(painter: () => void, arrived: () => void): Promise<void> {
  const theme = storedTheme()
  applyTheme(theme)
  darkness.addEventListener('change', () => {
    applyTheme(state.theme)
    paint()
  })
  const unsaved = takeUnsaved(location.hash)
  const told = unsaved ?? (await decode(location.hash))
  const damaged = told === null && holdsDocuments(location.hash)
  const documents = told ?? (damaged ? UNREADABLE : { request: (examples[0] ?? Q1).request, policy: null })
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
  const there = history.state as { steps?: number } | null
  steps = there?.steps ?? 0
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
  // Gone back to as it was left, with what was typed: what was kept would come back once it is undone.
  addEventListener('pageshow', (event) => {
    if (event.persisted) dropUnsaved()
  })
  // A reload brings it back, closing does not.
  addEventListener('beforeunload', (event) => {
    if (state.tooLarge) event.preventDefault()
  })
  await updateAddress(unsaved !== null)
  paint()
}

/** Shows what the address says now. An address that somebody typed has no step yet: it is the latest one. */
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

/** A name for files: the request's own, as far as a file may be called that. */
export function fileName(): string {
  const name = valueAt(parseFields(state.documents.request) ?? {}, ['name'])
  const plain = typeof name === 'string' ? name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-') : ''
  return plain.replaceAll(/^-+|-+$/g, '') || 'purge'
}
