// The texts that the page needs from the first moment. Every English word of the page is in this folder; findings, reasons and
// causes come from core. Texts of views that are fetched later are in the other files and are fetched with them; their `t` includes
// this one.
import type { Disposition, Severity } from '../types'

const records: Record<string, string> = {
  conversation: 'conversations',
  interaction: 'interactions',
  message: 'messages',
  recording: 'recordings',
  screenRecording: 'screen recordings',
}

const dispositions: Record<Disposition, string> = {
  chunk: 'chunk',
  held: 'held',
  retained: 'retained',
  tooRecent: 'too recent',
  refused: 'refused',
}

const dispositionHelp: Record<Disposition, string> = {
  chunk: 'a part of the range that one request deletes',
  held: 'a legal hold keeps it: nothing of it is deleted',
  retained: 'a retention rule keeps it until it is old enough',
  tooRecent: 'later than 48 hours before today (UTC): the provider’s data is not complete yet',
  refused: 'the deletion API cannot address it exactly',
}

const severities: Record<Severity, string> = {
  error: 'error',
  blocked: 'blocked',
  warning: 'warning',
  note: 'note',
}

export const t = {
  product: 'genesys-purge',
  views: { plan: 'Plan', compare: 'Compare', rehearse: 'Rehearse', watch: 'Watch', evidence: 'Evidence' },
  viewHelp: {
    plan: 'Build a request and see what would be deleted',
    compare: 'What a change to the request does to the plan',
    rehearse: 'Run the plan against a simulated tenant',
    watch: 'Follow runs live, cancel them, try chunks again',
    evidence: 'Check what a run left behind',
  },
  skip: 'Skip to the content',
  undo: 'Undo',
  redo: 'Redo',
  commands: 'Commands',
  keys: 'Keys',
  letterKeys: 'Use keys without Ctrl',
  close: 'Close',
  more: (n: string) => `and ${n} more`,
  theme: { auto: 'System', light: 'Light', dark: 'Dark', label: 'Theme' },
  nothingLeaves: 'Nothing leaves this page: no server, no credentials.',
  loadingView: 'Loading…',
  notLoaded: 'A part of this page could not be loaded: it may have been replaced since, or the connection is gone. Save what you need, then load the page again.',
  failed: (why: string) => `The page could not start: ${why}`,

  sentence: {
    none: 'There is no plan yet: the findings say what is missing.',
    damaged: 'This link is incomplete or was changed, so its plan cannot be read. Ask for the whole link again; what is shown below is empty.',
    deletes: (what: string, from: string, to: string, chunks: string, api: string) =>
      `Deletes ${what} from ${from} to ${to} (UTC) in ${chunks} through ${api}`,
    matching: 'only what matches',
    overriding: 'overriding retention rules',
    stays: (parts: string) => `${parts} ${parts.includes(' and ') || !parts.startsWith('1 ') ? 'stay' : 'stays'}.`,
    and: (list: string[]) => (list.length < 2 ? list.join('') : `${list.slice(0, -1).join(', ')} and ${list.at(-1)}`),
    records,
    kept: { held: 'on hold', retained: 'under a retention rule', tooRecent: 'too recent', refused: 'not addressable' },
  },
  digest: 'Digest of the plan: what is approved',
  copyDigest: 'Copy the digest',
  copied: 'Copied.',
  notCopied: 'The browser did not allow copying: select the text and copy it with Ctrl C.',
  cannotCopy: 'Browsers copy only on pages that come over https or from this machine: select the text (Hand over has the digest) and copy it with Ctrl C.',
  notReadable: (name: string) => `${name} cannot be read; nothing was changed. A folder cannot be taken here: choose the file in it.`,
  noText: (name: string) => `${name} has characters that cannot be read, so nothing was changed: it is no text, or not in UTF-8. Save it as UTF-8.`,
  tooLong: (name: string) => `${name} has more than 16 MB, so nothing was changed: no longer policy is read.`,
  tooLarge: 'The address cannot hold this request: neither a link nor a bookmark brings it back. Save the plan file, or request and policy.',

  examples: {
    label: 'Start from',
    q1: 'A quarter of conversations',
    holds: 'Messages with holds and retention',
    recordings: 'A year of recordings',
    conversation: 'A conversation on hold',
    drafts: 'Drafts…',
  },

  form: {
    title: 'Request',
    asForm: 'Form',
    asText: 'JSON',
    import: 'Open file…',
    samePlan: (code: string) => `Opened a plan file, with its policy: it is still the same plan, ${code}.`,
    otherPlan: (digest: string) => `Opened the request and the policy of a plan file. Today they are not its plan ${digest}: approve them anew.`,
    broken: 'This text cannot be read as a request, so there is no form for it.',
    text: 'Purge request, JSON',
    name: 'Name',
    api: 'Deletion API',
    apis: {
      dataDeletion: 'Data deletion',
      recordingJobs: 'Recording jobs',
    },
    apiHelp: {
      dataDeletion: 'For organisations and gateways that offer it; not in Genesys’s public catalogue',
      recordingJobs: 'What every ordinary organisation has; deletes recordings and transcripts',
    },
    recordTypes: 'Record types',
    range: 'Range',
    rangeHelp: 'Half-open: the start belongs to it, the end does not',
    start: 'From (UTC)',
    end: 'To, not included (UTC)',
    here: (time: string, zone: string) => `${time} · ${zone}`,
    chunking: 'Chunk length',
    tips: {
      name: 'What people call this purge; files are named after it',
      start: 'The first instant that is deleted, UTC',
      end: 'The first instant that is not deleted any more, UTC',
      chunking: 'A chunk is a part of the range that one request deletes; shorter ones take more requests and fail in smaller pieces',
      jurisdiction: 'The region where the organisation’s data lies; it must be the tenant’s own',
      query: 'Only what this matches is deleted',
      reason: 'The rule or schedule that asks for the deletion; it goes into the evidence',
      requestedBy: 'Who asks for it; a policy may want somebody else to approve it',
      coolOffDays: 'Days between the job and the date on which the recordings go; until then it can be undone in Genesys Cloud',
    } as Record<string, string>,
    unit: 'Unit',
    days: 'days',
    hours: 'hours',
    jurisdiction: 'Jurisdiction',
    choose: 'Choose…',
    query: 'Query',
    queryHelp: 'Passed on as it is; leave empty for everything',
    reason: 'Reason',
    requestedBy: 'Requested by',
    recordings: 'Recordings',
    includeSensitiveData: 'with payment-card or personal data',
    includePolicyBased: 'governed by a media retention policy',
    includeSnippets: 'snippets',
    coolOffDays: 'Cool-off, days',
    override: 'Override retention rules',
    overrideReason: 'Why it may go below the rules',
    overrideApprover: 'Who allowed it',
    addOverride: 'Ask for an override…',
    dropOverride: 'Withdraw the override',
  },

  policy: {
    title: 'Policy',
    none: 'No policy: nothing is known about holds or retention rules.',
    add: 'Write one',
    remove: 'Remove',
    import: 'Open file…',
    drop: 'A policy file, or rows of a spreadsheet, can also be dropped here.',
    text: 'Policy, JSON',
    holds: 'Legal holds',
    noHolds: 'No legal holds.',
    addHold: 'Add a hold',
    holdId: 'Hold',
    from: 'From, UTC',
    to: 'To, not included',
    lastDay: (day: string) => `The last day it keeps is ${day} (UTC).`,
    nth: (what: string, n: number) => `${what} ${n}`,
    matter: 'Matter',
    rest: (n: number) => (n === 0 ? '' : `+ ${n} more field${n === 1 ? '' : 's'}: see JSON`),
    retention: 'Retention rules',
    noRetention: 'No retention rules.',
    addRule: 'Add a rule',
    rule: 'Rule',
    days: 'Days',
    basis: 'Basis',
    region: 'Region, if only one',
    kept: 'record types',
    removeRow: (what: string) => `Remove ${what}`,
    paste: 'Paste rows…',
    tooLarge: (n: number) => `${n} rows: edit them as JSON.`,
    replaced: (name: string) => `The policy is now that of ${name}. Undo brings the one before back.`,
  },

  findings: {
    title: 'Findings',
    none: 'Nothing to object to.',
    counts: (errors: string, warnings: string) => `${errors}, ${warnings}`,
    severities,
    jump: 'Go to the field',
    more: (n: string) => `${n} more`,
    where: (inPolicy: boolean, path: string) => `${inPolicy ? 'policy' : 'request'}${path && `: ${path}`}`,
  },

  timeline: {
    title: 'Timeline',
    fit: 'Fit',
    closer: 'Closer',
    further: 'Further',
    label: (parts: string, from: string, to: string) =>
      `Timeline of ${parts} from ${from} to ${to}`,
    keys: 'Arrow keys go from part to part, with Shift they move the view; plus and minus zoom, 0 shows everything. The table below has the same facts.',
    nothingSelected: 'nothing selected',
    part: (name: string, from: string, to: string, length: string) => `${name}, ${from} to before ${to} UTC, ${length}`,
    here: (time: string, zone: string) => `starts ${time} in ${zone}`,
    shows: (from: string, to: string, length: string) => `${from} to ${to} UTC, ${length}`,
    empty: 'Once no error stops the plan, this shows what becomes of every day of it.',
    dispositions,
    dispositionHelp,
  },

  table: {
    title: 'Chunks and what is kept',
    columns: {
      number: '#',
      start: 'Start (UTC)',
      end: 'End, not included',
      length: 'Length',
      volume: 'Volume',
      calls: 'Calls',
      state: 'State',
      why: 'Why',
    },
    columnHelp: {
      start: 'Sort by time',
      end: 'Sort by time',
      length: 'Sort by length',
      volume: 'Records by the counts that you gave; ~ where a count was divided by time',
      calls: 'Requests to the API that this chunk is expected to take',
      state: 'Sort by what becomes of it',
    } as Record<string, string>,
    aged: 'older than five years',
    empty: 'No parts to show yet.',
  },

  inspector: {
    title: 'Inspector',
    request: 'Request body',
    why: 'Why',
    message: 'Queue message',
    totals: 'Totals',
    commands: 'Hand over',
    none: 'Select a row or a place on the timeline to see exactly what is sent for it.',
    stopped: 'Nothing is sent for it while findings stop the plan.',
    noRequest: (why: string) => `Nothing is sent for this part: ${why}`,
    requestHelp: (chunk: number) => `What is sent to the API to delete chunk ${chunk}, byte for byte apart from line breaks.`,
    actionDate: 'The action date is that of sending plus the cool-off; this one is as if it were sent now.',
    messageHelp: 'On AWS this message wakes the worker for the chunk, at once and without delay. It carries no truth: whatever it says is looked up.',
    noClient: 'Say which client deletes, and its message is shown.',
    messageTenant: (tenant: string) => `The run is named after the plan and the tenant, here ${tenant}: the same plan elsewhere is another run.`,
    from: 'From',
    before: 'To before',
    copy: 'Copy',
  },

  client: {
    label: 'OAuth client id',
    help: 'The run is named after the plan and the tenant, and the tenant after this client, which belongs to one organisation. It is no secret.',
  },

  volume: {
    title: 'Volume',
    open: 'Counts…',
    help: 'Paste or drop counts by day or hour to see how much there is: CSV, JSON, or the answer of an analytics query. They stay in this tab until it is closed, and decide nothing.',
    records: (n: string) => `${n} records`,
  },

  totals: {
    accounting: 'Requested equals the sum of its parts',
    requested: 'requested',
    chunks: 'in chunks',
    calls: (n: string) => `~${n} calls`,
    help: (seconds: number) => `Estimates, supposing that a job takes ${seconds} s. Choose to see them all`,
    none: 'There is no plan yet, so there is nothing to add up.',
    names: {
      chunks: 'Chunks', records: 'Records', calls: 'API calls', time: 'Duration', messages: 'Queue messages', lambda: 'Lambda', sqs: 'SQS', table: 'DynamoDB', cost: 'AWS, together',
    },
    notes: {
      chunks: (length: string) => `${length} of the range`,
      records: (name: string) => `in the chunks, by ${name}`,
      calls: (each: string) => `~${each} for each chunk, login and looks at the job included`,
      time: (job: string) => `if a job takes ${job}, within the request rate of the policy`,
      messages: 'wake-ups and errands between the functions',
      lambda: 'invocations and time of the functions',
      sqs: 'each message is sent, received and deleted',
      table: 'every request is on record before it leaves and after its answer',
      cost: 'US East list prices beyond the free tier, November 2026; logs and storage not included',
    },
    estimates: 'Whatever wears ~ is an estimate.',
    noVolume: 'Give counts above the timeline to see how many records the chunks hold.',
  },

  export: {
    title: 'Export',
    plan: 'Plan file',
    request: 'Request',
    policy: 'Policy file',
    print: 'Print for sign-off',
    link: 'Copy link',
    linkHelp: 'The whole request is in the part after #, which is never sent to a server',
    saved: (name: string) => `Saved ${name}.`,
    noLink: 'There is no link: the request is too large for an address. Save the plan file, or request and policy.',
  },

  drafts: {
    title: 'Drafts',
  },

  compare: {
    pin: 'Pin this plan',
  },

  evidence: {
    certificate: 'Check of evidence',
  },

  watch: {
    inHand: 'Plan in hand:',
    loading: 'Asking the server…',
    simulated: 'SIMULATED',
  },

  execute: {
    open: 'Carry out…',
    title: 'Carry out this plan',
    simulated: 'SIMULATED: this server works on a simulated tenant, and nothing real is deleted.',
    tenant: (tenant: string) => `On ${tenant}. This cannot be undone.`,
  },

  print: {
    title: 'Plan for sign-off',
  },

  palette: {
    title: 'Commands',
    filter: 'Type to find a command',
    none: 'No such command.',
    group: { view: 'Go to', load: 'Load', save: 'Save' },
    wrap: (group: string, name: string) => `${group}: ${name}`,
    theme: (name: string) => `Theme: ${name}`,
  },
}
