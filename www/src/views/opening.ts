// Opens a request, a policy, or a plan file, which has both, wherever it was chosen or dropped.
import { documentOf } from '../state/document'
import { readPlanFile } from '../state/planfile'
import { edit, get, say } from '../state/store'
import { t } from '../texts/page'
import { onlyText, openText } from './files'
import { addOrShowRows } from './later'

/** Takes the text of a file as what it is. One that could be either is what was `wanted`, so that its findings are shown there. */
const takeAs = (wanted: 'request' | 'policy') => onlyText((name, text) => {
  const file = readPlanFile(text)
  if (file === null) {
    const found = documentOf(text) ?? wanted
    edit({ [found]: text })
    if (found !== wanted || found === 'policy') say(t.loaded(found, name))
    return
  }
  edit({ request: file.request, policy: file.policy })
  const { digest, shortCode } = get().plan.summary
  say(digest === file.digest ? t.form.samePlan(shortCode ?? '') : t.form.otherPlan(file.digest))
})

export const takeRequest = takeAs('request')

/** A file for the policy may also have rows for it. */
export const takePolicy: typeof takeRequest = (name, text) =>
  /\.(csv|tsv|txt)$/i.test(name) && !/^\s*\{/.test(text) ? addOrShowRows(text, 'holds') : takeAs('policy')(name, text)

export const openRequest = (): void => openText('.json,application/json', takeRequest)
export const openPolicy = (): void => openText('.json,.csv,.tsv,.txt', takePolicy)
