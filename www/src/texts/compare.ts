// Texts of the comparison of two plans.
import { t as page } from './page'

export const t = {
  ...page,
  compare: {
    ...page.compare,
    title: 'Compare',
    empty: 'Pin the plan as it is now, change the request or the policy, and see here what the change does.',
    teach: [
      'Pin the plan that was agreed on; it stays as it is while you try things, until this tab is closed.',
      'Add a hold, or make chunks shorter: the windows that come and go are listed, counts first.',
      'What stays unchanged is counted, too, and so is what the change costs.',
    ],
    band: (which: string) => `Timeline, ${which}; the tables below have the same facts.`,
    repin: 'Pin again',
    unpin: 'Unpin',
    before: 'Pinned',
    after: 'Now',
    same: 'No changes: both have the same digest.',
    noPlans: (pinned: boolean, now: boolean) =>
      `Nothing to compare: ${pinned && now ? 'both are' : pinned ? 'the pinned one is' : 'the one as it is now is'} stopped by findings, so there is no plan.`,
    counts: (added: string, removed: string, same: string) => `${added} added, ${removed} removed, ${same} windows unchanged.`,
    /** `query, recordTypes and 3 more`. */
    differ: (names: string[], more: string | null) => `Different: ${names.join(', ')}${more === null ? '' : ` and ${more} more`}.`,
    what: 'What',
    none: 'none',
    entries: (n: string) => `${n} entries`,
    added: 'added',
    removed: 'removed',
    window: 'Window',
    change: 'Change',
    state: 'What becomes of it',
    noPlan: 'no plan',
    measure: 'Measure',
    measures: {
      digest: 'Digest', chunks: 'Chunks', requested: 'Requested', inChunks: 'In chunks', held: 'Held', retained: 'Retained',
      tooRecent: 'Too recent', refused: 'Refused', calls: 'Calls, estimated', time: 'Time, estimated', messages: 'Queue messages, estimated', cost: 'AWS, estimated',
    },
    form: 'Change the request',
  },
}
