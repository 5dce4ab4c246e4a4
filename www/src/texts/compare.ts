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
      'Add a hold, or make the chunks shorter: what is deleted now and was kept before comes first, then the windows.',
      'Unchanged windows are counted as well, and you see what the change costs.',
    ],
    band: (which: string) => `Timeline, ${which}; the tables below show the same data.`,
    repin: 'Pin again',
    unpin: 'Unpin',
    before: 'Pinned',
    after: 'Current',
    same: 'No changes: both plans have the same digest.',
    noPlans: (pinned: boolean, now: boolean) =>
      `Nothing to compare: findings stop ${pinned && now ? 'both plans' : pinned ? 'the pinned plan' : 'the current plan'}.`,
    deleted: (what: string) => `Deleted now, kept before: ${what}.`,
    kept: (what: string) => `Kept now, deleted before: ${what}.`,
    noWindow: 'no window',
    unmatched: (query: string) => `what ${query} does not match`,
    /** `9 d (2023-02-10 – 2023-02-17, 2023-03-01 – 2023-03-03 and 2 more)`. */
    time: (length: string, windows: string[], more: string | null) => `${length} (${windows.join(', ')}${more === null ? '' : ` and ${more} more`})`,
    counts: (added: string, removed: string, same: string) => `${added} added, ${removed} removed, ${same} windows unchanged.`,
    /** `query, recordTypes and 3 more`. */
    differ: (names: string[], more: string | null) => `Differences: ${names.join(', ')}${more === null ? '' : ` and ${more} more`}.`,
    within: (names: string) => `What is deleted in the same time may also change because of: ${names}.`,
    what: 'What',
    none: 'none',
    entries: (n: string) => `${n} entries`,
    added: 'added',
    removed: 'removed',
    window: 'Window',
    change: 'Change',
    state: 'State',
    noPlan: 'no plan',
    measure: 'Measure',
    measures: {
      digest: 'Digest', chunks: 'Chunks', requested: 'Requested', inChunks: 'In chunks', held: 'Held', retained: 'Retained',
      tooRecent: 'Too recent', refused: 'Refused', calls: 'API calls, estimated', time: 'Duration, estimated', messages: 'Queue messages, estimated', cost: 'AWS, estimated',
    },
    form: 'Change the request',
  },
}
