// Every English word that the page itself says. What core says (findings, reasons, causes) comes from core.
import type { Disposition, Outcome, Severity, WaitReason } from './types'

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
  tooRecent: 'younger than 48 hours: the provider’s data is not complete yet',
  refused: 'the deletion API cannot address it exactly',
}

const severities: Record<Severity, string> = {
  error: 'error',
  blocked: 'blocked',
  warning: 'warning',
  note: 'note',
}

const outcomes: Record<Outcome, string> = {
  verified: 'verified',
  residual: 'residual',
  unknown: 'unknown',
  held: 'held',
  rejected: 'rejected',
  failed: 'failed',
  timedOut: 'timed out',
  cancelled: 'cancelled',
}

const states: Record<string, string> = {
  queued: 'queued',
  waitingForSlot: 'waiting for a slot',
  checkingHolds: 'checking holds',
  counting: 'counting',
  submitting: 'submitting',
  confirmingSubmit: 'confirming the submit',
  deleting: 'deleting',
  preparing: 'preparing',
  executing: 'executing',
  collectingFailures: 'collecting failures',
  verifying: 'verifying',
  cancelling: 'cancelling',
}

export const t = {
  product: 'genesys-purge',
  views: { plan: 'Plan', compare: 'Compare', rehearse: 'Rehearse', evidence: 'Evidence' },
  viewHelp: {
    plan: 'Build a request and see what would be deleted',
    compare: 'What a change to the request does to the plan',
    rehearse: 'Run the plan against a simulated tenant',
    evidence: 'Check what a run left behind',
  },
  skip: 'Skip to the content',
  undo: 'Undo',
  redo: 'Redo',
  commands: 'Commands',
  keys: 'Keys',
  close: 'Close',
  theme: { auto: 'System', light: 'Light', dark: 'Dark', label: 'Theme' },
  nothingLeaves: 'Nothing leaves this page: no server, no credentials.',
  failed: (why: string) => `The page could not start: ${why}`,

  sentence: {
    none: 'There is no plan yet: the findings say what is missing.',
    deletes: (what: string, from: string, to: string, chunks: string, api: string) =>
      `Deletes ${what} from ${from} to ${to} (UTC) in ${chunks} through ${api}.`,
    stays: (parts: string) => `${parts} ${parts.includes(' and ') || !parts.startsWith('1 ') ? 'stay' : 'stays'}.`,
    and: (list: string[]) => (list.length < 2 ? list.join('') : `${list.slice(0, -1).join(', ')} and ${list.at(-1)}`),
    records,
    kept: { held: 'on hold', retained: 'under a retention rule', tooRecent: 'too recent', refused: 'not addressable' },
  },
  digest: 'Digest of the plan: what is approved',
  copyDigest: 'Copy the digest',
  copied: 'Copied.',
  notCopied: 'The browser did not allow copying.',

  examples: {
    label: 'Start from',
    q1: 'A quarter of conversations',
    holds: 'Messages with holds and retention',
    recordings: 'A year of recordings',
    drafts: 'Drafts…',
  },

  form: {
    title: 'Request',
    asForm: 'Form',
    asText: 'JSON',
    import: 'Open file…',
    broken: 'The text is not a JSON object, so there is no form for it.',
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
    drop: 'A policy file can also be dropped here.',
    text: 'Policy, JSON',
    holds: 'Legal holds',
    noHolds: 'No legal holds.',
    addHold: 'Add a hold',
    holdId: 'Hold',
    from: 'From',
    to: 'To',
    matter: 'Matter',
    rest: (n: number) => (n === 0 ? '' : `+ ${n} more field${n === 1 ? '' : 's'}: see JSON`),
    retention: 'Retention rules',
    noRetention: 'No retention rules.',
    addRule: 'Add a rule',
    days: 'Days',
    basis: 'Basis',
    removeRow: (what: string) => `Remove ${what}`,
    tooLarge: (n: number) => `${n} holds: edit them as JSON.`,
  },

  findings: {
    title: 'Findings',
    none: 'Nothing to object to.',
    counts: (errors: string, warnings: string) => `${errors}, ${warnings}`,
    severities,
    jump: 'Go to the field',
  },

  timeline: {
    title: 'Timeline',
    fit: 'Fit',
    closer: 'Closer',
    further: 'Further',
    label: (parts: string, from: string, to: string) =>
      `Timeline of ${parts} from ${from} to ${to}. Arrow keys move, plus and minus zoom, Enter selects; the table below has the same facts.`,
    empty: 'When the range and the chunk length are readable, this shows what becomes of every day of it.',
    dispositions,
    dispositionHelp,
  },

  table: {
    title: 'Chunks and what is kept',
    number: '#',
    start: 'Start (UTC)',
    end: 'End, not included',
    length: 'Length',
    state: 'State',
    why: 'Why',
    aged: 'older than five years',
    empty: 'No parts to show yet.',
    rows: (n: string) => `${n} rows`,
  },

  inspector: {
    title: 'Inspector',
    request: 'Request body',
    why: 'Why',
    commands: 'Hand over',
    none: 'Select a row or a place on the timeline to see exactly what is sent for it.',
    noRequest: (why: string) => `Nothing is sent for this part: ${why}`,
    actionDate: 'The action date is that of sending plus the cool-off; this one is as if it were sent now.',
    edges: (start: string, end: string, length: string) => `From ${start} to before ${end}: ${length}.`,
    copy: 'Copy',
    commandsHelp: 'Save the plan file, have it approved by its digest, and carry it out where the credentials are.',
    noPlan: 'There is nothing to hand over while findings stop the plan.',
    steps: {
      check: 'Check it',
      rehearse: 'Rehearse it',
      carryOut: 'Carry it out',
      verify: 'Check what it left',
    },
  },

  totals: {
    accounting: 'Requested equals the sum of its parts',
    requested: 'requested',
    chunks: 'in chunks',
    calls: (n: string) => `~${n} calls`,
    time: (text: string) => `~${text}`,
    callsHelp: (seconds: number) => `An estimate: supposes that a job takes ${seconds} s`,
    took: (ms: string) => `planned in ${ms} ms`,
  },

  export: {
    title: 'Export',
    plan: 'Plan file',
    request: 'Request',
    policy: 'Policy',
    print: 'Print for sign-off',
    link: 'Copy link',
    linkHelp: 'The whole request is in the part after #, which is never sent to a server',
    saved: (name: string) => `Saved ${name}.`,
  },

  drafts: {
    title: 'Drafts',
    help: 'Drafts stay in this browser.',
    none: 'No drafts yet.',
    keep: 'Keep this one',
    name: 'Name of the draft',
    open: 'Open',
    forget: 'Forget',
    kept: 'Kept.',
    notKept: 'The browser keeps nothing for this page.',
  },

  compare: {
    title: 'Compare',
    empty: 'Pin the plan as it is now, change the request or the policy, and see here what the change does.',
    pin: 'Pin this plan',
    repin: 'Pin again',
    unpin: 'Unpin',
    before: 'Pinned',
    after: 'Now',
    same: 'No changes: both have the same digest.',
    counts: (added: string, removed: string, same: string) => `${added} added, ${removed} removed, ${same} unchanged`,
    added: 'added',
    removed: 'removed',
    window: 'Window',
    change: 'Change',
    state: 'What becomes of it',
    more: (n: string) => `and ${n} more`,
    noPlan: 'no plan',
    measure: 'Measure',
    measures: {
      digest: 'Digest', chunks: 'Chunks', requested: 'Requested', inChunks: 'In chunks', held: 'Held', retained: 'Retained',
      tooRecent: 'Too recent', refused: 'Refused', calls: 'Calls, estimated', time: 'Time, estimated',
    },
    form: 'Change the request',
  },

  rehearse: {
    title: 'Rehearse',
    simulated: 'SIMULATED in virtual time: nothing real is deleted.',
    empty: 'Start the rehearsal to see every chunk go through its states, with the reason of every wait.',
    noPlan: 'There is no plan to rehearse: the findings say why.',
    loading: 'Fetching the simulated tenant…',
    setup: 'World',
    approver: 'Approved by',
    seed: 'Seed',
    jobSeconds: 'Job takes, seconds',
    latency: 'Answer takes, ms',
    lag: 'Search index lags, seconds',
    faults: 'What goes wrong',
    faultNames: {
      rateLimited: 'Every 5th call is rate limited',
      lostSubmit: 'The answer to the 2nd submit is lost',
      down: 'Every 4th status call fails with 503',
      garbage: 'Every 6th count is not JSON',
      leave: 'The 1st deletion leaves 3 records behind',
      stuck: 'The 3rd job never ends',
      revoked: 'The token is revoked at the 9th call',
      holdMidRun: 'After the 2nd submit, somebody places a hold on the last chunk',
    },
    start: 'Start',
    restart: 'Start again',
    play: 'Play',
    pause: 'Pause',
    step: 'Step',
    toEnd: 'To the end',
    cancel: 'Cancel the run',
    speed: 'Speed',
    speeds: { 1: '×1', 10: '×10', 60: '×60', 600: '×600', 3600: '×3600' } as Record<number, string>,
    hold: 'Place a hold now',
    holdFrom: 'From',
    holdTo: 'To',
    placed: (from: string, to: string) => `Hold placed on conversations from ${from} to ${to}.`,
    now: 'Virtual time',
    ended: (ended: string, all: string) => `${ended} of ${all} ended`,
    gantt: 'Lanes over virtual time',
    ganttLabel: (lanes: string, from: string, to: string) =>
      `${lanes} over virtual time from ${from} to ${to}; the table below has the same facts.`,
    scrub: 'Look back',
    chunks: 'Chunks',
    state: 'State',
    waits: 'Waits for',
    next: 'Goes on',
    attempt: 'Attempt',
    submits: 'Submits',
    before: 'Counted',
    deleted: 'Deleted',
    audit: 'Audit log',
    auditEmpty: 'Records appear here as they will in the log.',
    saveAudit: 'Save the log',
    checkAudit: 'Check it in Evidence',
    report: 'Report',
    exit: (code: number) => `exit code ${code}`,
    problems: 'What does not add up',
    outcomes,
    states,
    phases: { check: 'check', submit: 'submit', wait: 'wait', delete: 'delete', verify: 'verify', end: 'end' },
    measured: 'Not measured',
    oldest: (n: string) => `The latest ${n} are shown.`,
  },

  wait: (reason: WaitReason): string => {
    switch (reason.kind) {
      case 'rateLimited':
        return reason.retryAfterSeconds === null
          ? 'the server asked for a pause'
          : `the server asked for ${reason.retryAfterSeconds} s`
      case 'backoff':
        return `tries again, failed ${reason.attempt} time${reason.attempt === 1 ? '' : 's'}`
      case 'jobPending':
        return reason.percent === null ? 'the job' : `the job, ${reason.percent} %`
      case 'slotBusy':
        return 'a job slot of the organisation'
      case 'confirmingSubmit':
        return 'signs of an unanswered submit'
      case 'indexLag':
        return 'the search index to notice'
      case 'coolOff':
        return 'the cool-off: it can still be undone'
      case 'inFlight':
        return 'an answer'
    }
  },

  evidence: {
    title: 'Evidence',
    drop: 'Drop an evidence folder or its files here',
    choose: 'Choose files…',
    folder: 'Choose a folder…',
    help: 'audit.jsonl is checked record by record; manifest.json beside it also shows a log that was cut short.',
    local: 'The files stay in this browser.',
    empty: 'The verdict appears here: how many records, in how many chains, and the first bad one if there is one.',
    checking: (done: string, all: string) => `Checked ${done} of ${all}`,
    noLog: 'There is no audit log among these files: drop audit.jsonl.',
    good: (records: string, chains: string) => `Sound: ${records} in ${chains}, none changed.`,
    bad: (message: string) => `Not sound: ${message}.`,
    noManifest: 'Without manifest.json nothing can show that the end of the log was cut off.',
    took: (ms: string) => `checked in ${ms} ms`,
    run: 'Run',
    plan: 'Plan',
    records: 'Good records',
    lines: 'Lines',
    size: 'Size',
    badTitle: 'First bad record',
    badLine: (n: string) => `Line ${n}`,
    absent: 'The record is not in the log.',
    files: 'Files',
    file: 'File',
    hash: 'SHA-256',
    asListed: 'as the manifest lists it',
    changed: 'NOT the file that the manifest lists',
    notListed: 'not listed in the manifest',
    simulated: 'SIMULATED',
    browserOnly: 'This checks hashes and chains. `genesys-purge verify` also makes plan and report again from their sources.',
  },

  print: {
    title: 'Plan for sign-off',
    requestedBy: 'Requested by',
    reason: 'Reason',
    approver: 'Approved by (name, date, signature)',
    check: 'The short code above must be the one that the command line shows before it deletes anything.',
    made: (at: string) => `Made ${at} UTC`,
    longer: (n: string) => `${n} parts in all; the plan file lists how they come about.`,
  },

  palette: {
    title: 'Commands',
    filter: 'Type to find a command',
    none: 'No such command.',
    group: { view: 'Go to', load: 'Load', do: 'Do' },
    wrap: (group: string, name: string) => `${group}: ${name}`,
    theme: (name: string) => `Theme: ${name}`,
  },

  keyList: [
    ['Ctrl K', 'commands'],
    ['1 2 3 4', 'plan, compare, rehearse, evidence'],
    ['U · R', 'undo · redo (outside text fields also Ctrl Z · Ctrl Y)'],
    ['F', 'first finding'],
    ['E', 'save the plan file'],
    ['P', 'pin the plan for comparing'],
    ['Space', 'play or pause the rehearsal'],
    ['?', 'this list'],
    ['Esc', 'close'],
  ] as const,
}
