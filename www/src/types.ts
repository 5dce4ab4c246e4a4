// The types of what crosses from core; they come with the package. A test checks them against samples made by core.
import type { Disposition } from '../pkg/web/purge.js'

export type * from '../pkg/web/purge.js'

/** In the order in which `PlanHandle.dispositions` numbers them. */
export const DISPOSITIONS: readonly Disposition[] = ['chunk', 'held', 'retained', 'tooRecent', 'refused']
