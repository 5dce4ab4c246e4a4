// What crosses from core: the types come with the package. A test checks samples of them, made by core.
import type { Disposition } from '../pkg/web/purge.js'

export type * from '../pkg/web/purge.js'

/** As `PlanHandle.dispositions` numbers them. */
export const DISPOSITIONS: readonly Disposition[] = ['chunk', 'held', 'retained', 'tooRecent', 'refused']
