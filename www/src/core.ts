// The only file that imports the generated package. Every decision is made behind it.
import init, * as wasm from '../pkg/web/purge.js'
import wasmUrl from '../pkg/web/purge_bg.wasm?url'
import type { EvidenceVerdict, HttpRequest, QueueMessage, Row, Summary } from './types'

export interface Context {
  now: string
  tenantJurisdiction: string | null
  defaultJurisdiction: string | null
}

/** A checked request. Its rows stay in wasm memory, so free the plan once another replaces it. */
export class Plan {
  readonly summary: Summary
  readonly starts: Float64Array
  readonly ends: Float64Array
  readonly dispositions: Uint8Array
  readonly #handle: wasm.PlanHandle

  constructor(handle: wasm.PlanHandle) {
    this.#handle = handle
    this.summary = handle.summary()
    this.starts = handle.starts()
    this.ends = handle.ends()
    this.dispositions = handle.dispositions()
  }

  rows(from: number, to: number): Row[] {
    return this.#handle.rows(from, to)
  }

  submit(chunk: number, at: string): HttpRequest | null {
    return this.#handle.submit(chunk, at)
  }

  /** The message that first wakes a chunk on AWS. */
  wakeUp(chunk: number, client: string): QueueMessage | null {
    return this.#handle.wakeUp(chunk, client)
  }

  file(): string | null {
    return this.#handle.planFile() ?? null
  }

  free(): void {
    this.#handle.free()
  }
}

export async function start(): Promise<void> {
  await init({ module_or_path: wasmUrl })
}

export function plan(request: string, policy: string | null, context: Context): Plan {
  return new Plan(wasm.plan(request, policy ?? undefined, JSON.stringify(context)))
}

export const regions = wasm.regions
export const recordTypes = wasm.recordTypes
export const version = wasm.version

/** A whole run against the simulated tenant, in virtual time. Free it when it is over. */
export type Rehearsal = wasm.Rehearsal

export const rehearse = (planFile: string, approvedBy: string, scenario: string, start: string): Rehearsal =>
  new wasm.Rehearsal(planFile, approvedBy, scenario, start)

/**
 * Checks evidence: its files by name, and its manifest against the digest that the user kept, if any. `each` is told how much of
 * the log has been read.
 */
export const verifyEvidence = (
  files: Record<string, Blob>,
  kept: string | null,
  each: (bytes: number, of: number) => void,
  signal: AbortSignal,
): Promise<EvidenceVerdict> => wasm.verifyEvidence(files, kept ?? undefined, each, signal)
