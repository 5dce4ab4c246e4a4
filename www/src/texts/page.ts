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
  held: 'a legal hold keeps it: none of it is deleted',
  retained: 'a retention rule keeps it until it is old enough',
  tooRecent: 'later than 48 hours before the start of today (UTC): the provider’s data is not complete yet',
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
    watch: 'Follow runs live, cancel them or retry chunks',
    evidence: 'Check the evidence of a run',
  },
  skip: 'Skip to content',
  undo: 'Undo',
  redo: 'Redo',
  commands: 'Commands',
  keys: 'Keyboard shortcuts',
  close: 'Close',
  more: (n: string) => `and ${n} more`,
  theme: { auto: 'System', light: 'Light', dark: 'Dark', label: 'Theme' },
  nothingLeaves: 'Nothing leaves this page: no server, no credentials.',
  loadingView: 'Loading…',
  notLoaded: 'Part of this page could not be loaded: a newer version may have replaced it, or the connection is lost. Save what you need, then reload the page.',
  failed: (why: string) => `The page could not start: ${why}`,

  sentence: {
    none: 'There is no plan yet: the findings say what is missing.',
    damaged: 'This link is incomplete or was changed, so its plan cannot be read. Ask for the whole link; the plan below is empty.',
    deletes: (what: string, from: string, to: string, chunks: string, api: string) =>
      `Deletes ${what} from ${from} to ${to} (UTC) in ${chunks} through ${api}`,
    matching: 'only what matches',
    overriding: 'overriding retention rules',
    areKept: (parts: string) => `${parts} ${parts.includes(' and ') || !parts.startsWith('1 ') ? 'are' : 'is'} kept.`,
    and: (list: string[]) => (list.length < 2 ? list.join('') : `${list.slice(0, -1).join(', ')} and ${list.at(-1)}`),
    records,
    kept: { held: 'on hold', retained: 'under a retention rule', tooRecent: 'too recent', refused: 'that the API cannot address' },
  },
  digest: 'Digest of the plan, by which it is approved',
  copyDigest: 'Copy the digest',
  copied: 'Copied.',
  notCopied: 'The browser did not allow copying: select the text and copy it with Ctrl C.',
  cannotCopy: 'Browsers copy only on pages served over https or from this machine. Select the text (the digest is under Hand over) and copy it with Ctrl C.',
  loaded: (what: 'request' | 'policy', name: string) => `Loaded the ${what} from ${name}. Undo restores the previous one.`,
  notReadable: (name: string) => `${name} cannot be read; nothing was changed. If it is a folder, choose the file in it.`,
  noText: (name: string) => `${name} has characters that cannot be read, so nothing was changed. Save it as UTF-8 text.`,
  tooLong: (name: string) => `${name} is larger than 16 MB, so nothing was changed.`,
  tooLarge: 'This request is too large for the address: no link or bookmark brings it back. Save the plan file, or the request and the policy.',

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
    samePlan: (code: string) => `Opened a plan file with its policy: it is still the same plan, ${code}.`,
    otherPlan: (digest: string) => `Opened the request and the policy of a plan file. Planned today, they no longer give its plan ${digest}: approve the new one.`,
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
      recordingJobs: 'Every ordinary organisation has it; deletes recordings and transcripts',
    },
    recordTypes: 'Record types',
    range: 'Range',
    rangeHelp: 'Half-open: the start is included, the end is not',
    start: 'From (UTC)',
    end: 'To, not included (UTC)',
    here: (time: string, zone: string) => `${time} · ${zone}`,
    chunking: 'Chunk length',
    tips: {
      name: 'What people call this purge; files are named after it',
      start: 'The first instant that is deleted, UTC',
      end: 'The first instant that is no longer deleted, UTC',
      chunking: 'A chunk is a part of the range that one request deletes. Shorter chunks need more requests, but a failure affects less',
      jurisdiction: 'The region that stores the organisation’s data; it must be the tenant’s own',
      query: 'Only what this matches is deleted',
      reason: 'The rule or schedule that requires the deletion; it goes into the evidence',
      requestedBy: 'Who asks for it; a policy may require somebody else to approve it',
      coolOffDays: 'Days from the job to the deletion of the recordings; until then it can be undone in Genesys Cloud',
    } as Record<string, string>,
    unit: 'Unit',
    days: 'days',
    hours: 'hours',
    jurisdiction: 'Jurisdiction',
    choose: 'Choose…',
    query: 'Query',
    queryHelp: 'Sent as it is; leave empty for everything',
    reason: 'Reason',
    requestedBy: 'Requested by',
    recordings: 'Recordings',
    includeSensitiveData: 'with payment-card or personal data',
    includePolicyBased: 'governed by a media retention policy',
    includeSnippets: 'snippets',
    coolOffDays: 'Cool-off, days',
    override: 'Override retention rules',
    overrideReason: 'Why the rules may be overridden',
    overrideApprover: 'Who allowed it',
    addOverride: 'Add an override…',
    dropOverride: 'Remove the override',
  },

  policy: {
    title: 'Policy',
    none: 'No policy: nothing is known about holds or retention rules.',
    add: 'Create a policy',
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
    lastDay: (day: string) => `Last day kept: ${day} (UTC).`,
    nth: (what: string, n: number) => `${what} ${n}`,
    matter: 'Matter',
    rest: (n: number) => (n === 0 ? '' : `+ ${n} more field${n === 1 ? '' : 's'}: see JSON`),
    retention: 'Retention rules',
    noRetention: 'No retention rules.',
    addRule: 'Add a rule',
    rule: 'Rule',
    days: 'Days',
    basis: 'Basis',
    region: 'Only in jurisdiction',
    kept: 'record types',
    removeRow: (what: string) => `Remove ${what}`,
    paste: 'Paste rows…',
    tooLarge: (n: number) => `${n} rows are too many for a table: edit them as JSON.`,
  },

  findings: {
    title: 'Findings',
    none: 'No findings.',
    counts: (errors: string, warnings: string) => `${errors}, ${warnings}`,
    severities,
    jump: 'Go to the field',
    more: (n: string) => `${n} more`,
    where: (inPolicy: boolean, path: string) => `${inPolicy ? 'policy' : 'request'}${path && `: ${path}`}`,
  },

  timeline: {
    title: 'Timeline',
    fit: 'Fit',
    closer: 'Zoom in',
    further: 'Zoom out',
    label: (parts: string, from: string, to: string) =>
      `Timeline of ${parts} from ${from} to ${to}`,
    keys: 'Arrow keys move from part to part, with Shift the view. Plus and minus zoom, 0 shows everything. The table below shows the same data.',
    nothingSelected: 'nothing selected',
    part: (name: string, from: string, to: string, length: string) => `${name}, ${from} until just before ${to} UTC, ${length}`,
    here: (time: string, zone: string) => `starts ${time} in ${zone}`,
    shows: (from: string, to: string, length: string) => `${from} to ${to} UTC, ${length}`,
    empty: 'Once the plan has no errors, this shows what happens to every day of its range.',
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
      volume: 'Records, from your counts; ~ where a count was divided by time',
      calls: 'Requests to the API that this chunk is expected to take',
      state: 'Sort by state',
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
    actionDate: 'The action date is the time of sending plus the cool-off; here, as if it were sent now.',
    messageHelp: 'On AWS this message wakes the worker for the chunk at once. It only names run and chunk; everything else is read from the ledger.',
    noClient: 'Enter the OAuth client id to see the message.',
    messageTenant: (tenant: string) => `The run is named after the plan and the tenant, here ${tenant}: on another tenant the same plan is another run.`,
    from: 'From',
    before: 'To, not included',
    copy: 'Copy',
  },

  client: {
    label: 'OAuth client id',
    help: 'The run is named after the plan and the tenant, and the tenant after this client, which belongs to one organisation. It is not a secret.',
  },

  volume: {
    title: 'Volume',
    open: 'Counts…',
    help: 'Paste or drop counts by day or hour to see how much there is: CSV, JSON, or the answer of an analytics query. They stay in this tab until it is closed; no decision depends on them.',
    records: (n: string) => `${n} records`,
  },

  totals: {
    accounting: 'The requested time is the sum of its parts',
    requested: 'requested',
    chunks: 'in chunks',
    calls: (n: string) => `~${n} calls`,
    help: (seconds: number) => `Estimates, assuming that a job takes ${seconds} s. Click to see all`,
    none: 'There is no plan yet, so there is nothing to add up.',
    names: {
      chunks: 'Chunks', records: 'Records', calls: 'API calls', time: 'Duration', messages: 'Queue messages', lambda: 'Lambda', sqs: 'SQS', table: 'DynamoDB', cost: 'AWS, total',
    },
    notes: {
      chunks: (length: string) => `${length} of the range`,
      records: (name: string) => `in the chunks, from ${name}`,
      calls: (each: string) => `~${each} per chunk, including login and checks on the job`,
      time: (job: string) => `if a job takes ${job}, within the request rate of the policy`,
      messages: 'wake-ups and errands between the functions',
      lambda: 'invocations and time of the functions',
      sqs: 'each message is sent, received and deleted',
      table: 'every request is recorded before it leaves and after its answer',
      cost: 'US East list prices beyond the free tier, November 2026; logs and storage not included',
    },
    estimates: '~ marks an estimate.',
    noVolume: 'Add counts above the timeline to see how many records are in the chunks.',
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
    noLink: 'There is no link: the request is too large for an address. Save the plan file, or the request and the policy.',
  },

  drafts: {
    title: 'Drafts',
  },

  compare: {
    pin: 'Pin this plan',
  },

  evidence: {
    certificate: 'Evidence check',
  },

  watch: {
    inHand: 'Current plan:',
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
