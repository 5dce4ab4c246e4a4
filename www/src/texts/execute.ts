// Texts of the dialog that carries a plan out.
import { t as page } from './page'

export const t = {
  ...page,
  execute: {
    ...page.execute,
    unknown: 'The server has not yet said which tenant it is for. Nothing can be carried out until it does.',
    warnings: (n: number) => (n === 1 ? 'A warning' : `${n} warnings`),
    code: 'The plan’s code:',
    type: 'Type the code to approve exactly this plan',
    approver: 'Approver, for the record',
    yes: 'Delete',
    yesSimulated: 'Start',
    sending: 'Starting…',
    no: 'Not now',
  },
}
