// The texts of everything that shows a run: rehearsed, watched or proved. Fetched with the first of these views.
import { evidence } from './evidence'
import { t as page } from './page'
import { rehearse } from './rehearse'
import { wait } from './wait'
import { watch } from './watch'

export type { Shared } from './wait'

export const t = { ...page, rehearse, watch, evidence, wait }
