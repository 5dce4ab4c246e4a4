// The runs in the server's ledger, and one of them as it changes. Everything that is shown comes from the server.
import { ask, fetchAbout, isLocked, post, Refusal, send, server } from './served'
import type { Answers, Events, Line, RunDetail, RunFacts, Sums } from './answers'
import { Lanes } from './lanes'
import { readStored, writeStored } from './stored'
import { listen, type StreamEvent } from './stream'
import { t } from '../texts/runs'
import type { ChunkView, Finding } from '../types'

export type Kind = 'all' | 'underWay' | 'attention'
export const KINDS: readonly Kind[] = ['all', 'underWay', 'attention']

/** `locked`: the server was started again and does not accept this page's token. */
export type Connection = 'connecting' | 'live' | 'reconnecting' | 'locked'

/** The run that is being watched. */
export class Watched {
  readonly id: string
  detail: RunDetail | null = null
  facts: RunFacts | null = null
  sums: Sums | null = null
  lanes = new Lanes('')
  readonly views = new Map<number, ChunkView>()
  lines: Line[] = []
  kind: Kind = 'all'
  /** The `after` of each earlier page, for going back. */
  before: number[] = []
  after = 0
  next: number | null = null
  page: number[] = []
  connection: Connection = 'connecting'
  /** When the server was last heard, in milliseconds since 1970 by this page's clock. */
  heard = 0
  /** The server's clock minus this page's. */
  skew = 0
  problem: Finding[] = []
  news = ''
  readonly #stop = new AbortController()
  #mark = ''
  /** Whether `report` is running: it is waiting for sums, or pausing before it asks again. */
  #asking = false
  /** Whether something has changed since sums were last asked for. */
  #stale = false
  #turn = 0

  constructor(id: string) {
    this.id = id
  }

  get now(): number {
    return Date.now() + this.skew
  }

  end(): void {
    this.#stop.abort()
  }

  /** Loads the run and follows it until `end`. */
  async follow(): Promise<void> {
    let pause = 500
    while (!this.#stop.signal.aborted) {
      try {
        await untilVisible(this.#stop.signal)
        if (this.#mark === '') await this.#load()
        await listen(`/runs/${this.id}/events`, this.#mark, AbortSignal.any([this.#stop.signal, abortedWhenHidden()]), () => {
          pause = 500
          this.#markHeard()
          this.connection = 'live'
          paint()
        }, (event) => this.#receive(event))
      } catch (why) {
        if (why instanceof Refusal && why.status !== 503) {
          if (isLocked()) this.connection = 'locked'
          else this.problem = why.findings
          paint()
          return
        }
      }
      if (this.#stop.signal.aborted) return
      if (document.hidden) continue
      this.connection = 'reconnecting'
      paint()
      await new Promise((resolve) => setTimeout(resolve, pause))
      pause = Math.min(pause * 2, 8000)
    }
  }

  async #load(): Promise<void> {
    const { run, now } = await ask<Answers['run']>(`/runs/${this.id}`)
    this.#syncClock(now)
    const { records } = await ask<Answers['audit']>(`/runs/${this.id}/audit?last=2000`)
    if (this.detail === null) this.lanes = new Lanes(run.api)
    for (const line of records) this.#addLine(line)
    this.detail = run
    this.#setFacts(run)
    this.#mark = run.mark
    await this.showAfter(this.after)
    void this.report()
  }

  #syncClock(now: string): void {
    this.skew = Date.parse(now) - Date.now()
    this.#markHeard()
  }

  #markHeard(): void {
    this.heard = Date.now()
  }

  #receive({ name, id, data }: StreamEvent): void {
    this.#markHeard()
    this.#mark = id
    switch (name) {
      case 'chunk': {
        const view = data as Events['chunk']
        const before = this.views.get(view.chunk.index)
        this.views.set(view.chunk.index, view)
        if (view.outcome !== null && view.outcome !== 'verified' && before?.outcome !== view.outcome) {
          this.news = t.watch.news.chunk(view.chunk.index, t.rehearse.outcomes[view.outcome], view.cause?.message ?? '')
        }
        break
      }
      case 'record':
        this.#addLine(data as Events['record'])
        break
      case 'run': {
        const { run, now } = data as Events['run']
        this.#syncClock(now)
        const hasStopped = this.facts?.carried != null && run.carried === null
        this.#setFacts(run)
        if (hasStopped) void this.#reload()
        else void this.report()
        break
      }
      case 'beat':
        this.#syncClock((data as Events['beat']).now)
        break
      case 'reset':
        // The server has another ledger, to which nothing that is shown belongs.
        this.#mark = ''
        this.#stop.abort()
        void open(this.id)
        return
    }
    paint()
  }

  #setFacts(run: RunFacts): void {
    const before = this.facts
    this.facts = run
    if (before && before.standing !== run.standing) this.news = t.watch.news.standing[run.standing]
    updateRuns(run)
    if (this.kind !== 'all' && before && before.open !== run.open) void this.showAfter(this.after)
  }

  #addLine(line: Line): void {
    if (line.position <= (this.lines.at(-1)?.position ?? 0)) return
    this.lanes.note(line)
    this.lines.push(line)
    if (this.lines.length > 1200) this.lines.splice(0, 600)
  }

  /** Loads what is known only after a run has stopped: its evidence, and what became of its messages. */
  async #reload(): Promise<void> {
    await tryAsking(async () => {
      const { run } = await ask<Answers['run']>(`/runs/${this.id}`)
      this.detail = run
      this.facts = run
    })
    await this.report()
    paint()
  }

  /**
   * Keeps the server's sums up to date while the view is shown. After each answer it pauses for ten times as long as the answer
   * took, from 1 to 10 seconds. A call during that time has them asked for once more, so that the last answer is never older than
   * the last call.
   */
  async report(): Promise<void> {
    this.#stale = true
    if (this.#asking) return
    this.#asking = true
    while (this.#stale && watching && !this.#stop.signal.aborted && !isLocked()) {
      this.#stale = false
      const began = performance.now()
      await tryAsking(async () => {
        this.sums = await ask<Answers['sums']>(`/runs/${this.id}/sums`)
      })
      paint()
      const took = performance.now() - began
      await new Promise((resolve) => setTimeout(resolve, Math.min(Math.max(1000, took * 10), 10_000)))
      this.#stale ||= this.facts !== null && this.facts.standing !== 'ended'
    }
    this.#asking = false
  }

  /** Shows the page of chunks after that one. */
  async showAfter(after: number): Promise<void> {
    const turn = (this.#turn += 1)
    await tryAsking(async () => {
      const path = `/runs/${this.id}/chunks?kind=${this.kind}&after=${after}&limit=${PAGE}`
      const { chunks, next } = await ask<Answers['chunks']>(path)
      // Another page has been asked for in the meantime.
      if (turn !== this.#turn) return
      this.after = after
      this.page = chunks.map((view) => view.chunk.index)
      this.next = chunks.length === PAGE ? next : null
      for (const view of chunks) this.views.set(view.chunk.index, view)
    })
    paint()
  }

  async forward(): Promise<void> {
    if (this.next === null) return
    this.before.push(this.after)
    await this.showAfter(this.next)
  }

  async back(): Promise<void> {
    await this.showAfter(this.before.pop() ?? 0)
  }

  async choose(kind: Kind): Promise<void> {
    this.kind = kind
    this.before = []
    await this.showAfter(0)
  }

  /** Fetches the run's evidence as files. */
  async evidence(): Promise<File[]> {
    const { files } = await ask<Answers['evidence']>(`/runs/${this.id}/evidence`)
    return Promise.all(files.map(async ({ name }) => {
      const response = await send(`/runs/${this.id}/evidence/${name}`)
      return new File([await response.blob()], name)
    }))
  }

  /** Does it. Returns why it was refused, if it was. */
  async act(verb: 'cancel' | 'retry' | 'resume', body: unknown = {}): Promise<Finding[]> {
    // The reason why an action was refused stays until the next action. Other requests in between say nothing about it.
    this.problem = []
    try {
      const { run } = await post<Answers['changed']>(`/runs/${this.id}/${verb}`, body)
      this.#setFacts(run)
    } catch (why) {
      if (!isLocked()) this.problem = refusalFindings(why)
    }
    paint()
    return this.problem
  }
}

/** Aborts when the page is hidden: browsers allow few connections to one server, and tabs in the background must not use them up. */
function abortedWhenHidden(): AbortSignal {
  const gone = new AbortController()
  document.addEventListener('visibilitychange', () => document.hidden && gone.abort(), { signal: gone.signal })
  return gone.signal
}

/** Waits until the page is visible, or until `stop` aborts. */
async function untilVisible(stop: AbortSignal): Promise<void> {
  if (!document.hidden) return
  await new Promise<void>((resolve) => {
    const back = new AbortController()
    const refreshRuns = (): void => {
      if (document.hidden && !stop.aborted) return
      back.abort()
      resolve()
    }
    document.addEventListener('visibilitychange', refreshRuns, { signal: back.signal })
    stop.addEventListener('abort', refreshRuns, { signal: back.signal })
  })
}

/** Chunks per page of the table. */
const PAGE = 100
/** How often the list of runs is fetched, in milliseconds. */
const LIST_EVERY_MS = 4000
const SELECTED_KEY = 'genesys-purge.run'

export let runs: RunFacts[] | null = null
export let current: Watched | null = null
/** Why the server refused the last request; empty once one has been answered. */
export let refusals: Finding[] = []
/** Whether the server does not answer at all. */
export let silent = false

let paint: () => void = () => undefined
let refreshTimer: ReturnType<typeof setTimeout> | undefined
/** Whether the view is shown. */
let watching = false

/** Asks the server, and notes why it refused or that it is silent, until it answers again. */
async function tryAsking(what: () => Promise<void>): Promise<void> {
  try {
    await what()
    refusals = []
    silent = false
  } catch (why) {
    if (why instanceof Refusal) refusals = isLocked() ? [] : why.findings
    else if (!(why instanceof DOMException)) silent = true
  }
}

/** Why an action was not carried out: the server's findings, or that it does not answer. */
const refusalFindings = (why: unknown): Finding[] => (why instanceof Refusal
  ? why.findings
  : [{ code: 'server.silent', severity: 'error', pointer: '', message: t.watch.silent, help: t.watch.silentHelp }])

/** Starts to fetch the list regularly, until `leave`. */
export async function enter(painter: () => void): Promise<void> {
  paint = painter
  watching = true
  void current?.report()
  await look()
  const kept = readStored('sessionStorage', SELECTED_KEY)
  const first = runs?.find((run) => run.runId === kept) ?? runs?.[0]
  if (!current && first) await open(first.runId)
}

export function leave(): void {
  watching = false
  clearTimeout(refreshTimer)
  refreshTimer = undefined
}

/** Forgets everything that a server has said. */
export function reset(): void {
  leave()
  current?.end()
  current = null
  runs = null
  refusals = []
  silent = false
}

async function look(): Promise<void> {
  clearTimeout(refreshTimer)
  refreshTimer = setTimeout(() => void look(), LIST_EVERY_MS)
  await tryAsking(async () => {
    if (server() === null) await fetchAbout()
    runs = (await ask<Answers['runs']>('/runs')).runs
  })
  if (isLocked()) leave()
  paint()
}

function updateRuns(run: RunFacts): void {
  const others = runs ?? []
  const place = others.findIndex((other) => other.runId === run.runId)
  runs = place < 0 ? [run, ...others] : others.with(place, run)
}

/** Watches another run. */
export async function open(id: string): Promise<void> {
  current?.end()
  current = new Watched(id)
  // If it cannot be stored, a reload shows the first run.
  writeStored('sessionStorage', SELECTED_KEY, id)
  paint()
  await current.follow()
}

/** Hands a plan over to be carried out and watches its run. Returns the findings if it is refused. */
export async function execute(ask: { planFile: string; digest: string; shortCode: string; approver: string }): Promise<Finding[] | null> {
  try {
    const { run } = await post<Answers['changed']>('/runs', ask)
    updateRuns(run)
    void open(run.runId)
    return null
  } catch (why) {
    return refusalFindings(why)
  }
}
