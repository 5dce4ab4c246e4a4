// Opens a request, or a plan file, which is a request with its policy.
import { readPlanFile } from '../state/planfile'
import { edit, get, say } from '../state/store'
import { t } from '../texts/page'
import { onlyText, openText } from './files'

/** Takes the text of a file that was chosen or dropped. */
export const takeRequest = onlyText((_, text) => {
  const file = readPlanFile(text)
  if (file === null) return edit({ request: text })
  edit({ request: file.request, policy: file.policy })
  const { digest, shortCode } = get().plan.summary
  say(digest === file.digest ? t.form.samePlan(shortCode ?? '') : t.form.otherPlan(file.digest))
})

export const openRequest = (): void => openText('.json,application/json', takeRequest)
