// The one file that knows the generated packages. Everything that is decided is decided behind it.
import initPlanning, * as planning from '../pkg/web/planning.js'
import planningUrl from '../pkg/web/planning_bg.wasm?url'
import type { HttpRequest, Happened, QueueMessage, Reported, Row, Standing, Summary, Verdict } from './types'

export interface Context {
  now: string
  tenantJurisdiction: string | null
  defaultJurisdiction: string | null
}

/** A checked request. The rows stay in wasm; free it when another takes its place. */
export class Plan {
  readonly summary: Summary
  readonly starts: Float64Array
  readonly ends: Float64Array
  readonly dispositions: Uint8Array
  readonly #handle: planning.PlanHandle

  constructor(handle: planning.PlanHandle) {
    this.#handle = handle
    this.summary = JSON.parse(handle.summary()) as Summary
    this.starts = handle.starts()
    this.ends = handle.ends()
    this.dispositions = handle.dispositions()
  }

  rows(from: number, to: number): Row[] {
    return JSON.parse(this.#handle.rows(from, to)) as Row[]
  }

  submit(chunk: number, at: string): HttpRequest | null {
    return JSON.parse(this.#handle.submit(chunk, at)) as HttpRequest | null
  }

  /** The message that first wakes a chunk on AWS. */
  wakeUp(chunk: number): QueueMessage | null {
    return JSON.parse(this.#handle.wakeUp(chunk, undefined)) as QueueMessage | null
  }

  file(): string | null {
    return this.#handle.planFile() ?? null
  }

  free(): void {
    this.#handle.free()
  }
}

export async function start(): Promise<void> {
  await initPlanning({ module_or_path: planningUrl })
}

export function plan(request: string, policy: string | null, context: Context): Plan {
  return new Plan(planning.plan(request, policy ?? undefined, JSON.stringify(context)))
}

export const regions = (): string[] => JSON.parse(planning.regions()) as string[]
export const recordTypes = (): string[] => JSON.parse(planning.recordTypes()) as string[]
export const version = (): string => planning.version()

/** The simulated world and the check of evidence: as large as the rest, so fetched when somebody asks. */
export async function world(): Promise<World> {
  return (loading ??= import('./world').then((module) => module.load()))
}
let loading: Promise<World> | null = null

export interface World {
  rehearse(planFile: string, approvedBy: string, scenario: string, start: string): Rehearsal
  check(): EvidenceCheck
  fileDigest(bytes: Uint8Array): string
}

export interface Rehearsal {
  step(): boolean
  runUntil(at: number, most: number): boolean
  nextAt(): number | null
  placeHold(start: string, end: string): void
  addFault(fault: unknown): void
  cancel(): void
  standing(): Standing
  takeHappened(): Happened[]
  report(): Reported
  auditLog(): string
  free(): void
}

export interface EvidenceCheck {
  feed(bytes: Uint8Array): void
  finish(manifest: string | null): Verdict
}
