// What stands on the sheet that somebody signs.
import { t as page } from './page'

export const t = {
  ...page,
  print: {
    ...page.print,
    stopped: 'Findings stop this plan. There is nothing to approve.',
    check: 'This code must be the one that the command line shows before it deletes anything. Whoever signs approves exactly the plan that has this digest.',
    made: (at: string) => `Made ${at} UTC`,
    range: (from: string, to: string) => `${from} to ${to}, not included`,
    everything: 'none: everything in the range',
    noOverride: 'not overridden',
    yes: 'yes',
    no: 'no',
    policy: 'Policy',
    noPolicy: 'none: no retention rule and no legal hold is known',
    accounting: 'Range',
    effort: 'Effort, estimated',
    signatures: ['Requested by', 'Approved by'],
    line: 'name, date, signature',
    longer: (n: string) => `${n} parts in all; the plan file says how they come about.`,
  },
}
