// The second module, loaded when somebody rehearses or checks evidence.
import initWorld, * as wasm from '../pkg/web/world.js'
import worldUrl from '../pkg/web/world_bg.wasm?url'
import type { World } from './core'

export async function load(): Promise<World> {
  await initWorld({ module_or_path: worldUrl })
  return {
    rehearse(planFile, approvedBy, scenario, start) {
      const run = new wasm.Rehearsal(planFile, approvedBy, scenario, start)
      return {
        step: () => run.step(),
        runUntil: (at, most) => run.runUntil(at, most),
        nextAt: () => run.nextAt() ?? null,
        placeHold: (from, to) => run.placeHold(JSON.stringify({ start: from, end: to })),
        addFault: (fault) => run.addFault(JSON.stringify(fault)),
        cancel: () => run.cancel(),
        standing: () => JSON.parse(run.standing()),
        takeHappened: () => JSON.parse(run.takeHappened()),
        report: () => JSON.parse(run.report()),
        auditLog: () => run.auditLog(),
        free: () => run.free(),
      }
    },
    fileDigest: (bytes) => wasm.fileDigest(bytes),
    check() {
      const check = new wasm.EvidenceCheck()
      return {
        feed: (bytes) => check.feed(bytes),
        finish: (manifest) => JSON.parse(check.finish(manifest ?? undefined)),
      }
    },
  }
}
