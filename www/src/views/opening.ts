// Opening a request; a plan file is one, with its policy.
import { readPlanFile } from '../state/planfile'
import { edit, get, say } from '../state/store'
import { t } from '../texts/page'
import { openFile } from './files'

export function openRequest(): void {
  openFile((text) => {
    const file = readPlanFile(text)
    if (file === null) return edit({ request: text })
    edit({ request: file.request, policy: file.policy })
    const { digest, shortCode } = get().plan.summary
    say(digest === file.digest ? t.form.samePlan(shortCode ?? '') : t.form.otherPlan(file.digest))
  })
}
