// Places the ticks of a time axis: on whole years, months, days, hours, and so on, in UTC.

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

export interface Tick {
  at: number
  label: string
}

const STEPS = [
  SECOND, 5 * SECOND, 15 * SECOND, 30 * SECOND, MINUTE, 5 * MINUTE, 15 * MINUTE, 30 * MINUTE,
  HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY,
]
const MONTHS = [1, 3, 6, 12, 24, 60, 120]

/** At most about `most` ticks from `from` to `to`. */
export function ticks(from: number, to: number, most: number): Tick[] {
  const step = STEPS.find((size) => (to - from) / size <= most)
  return step === undefined ? monthly(from, to, most) : regular(from, to, step)
}

function regular(from: number, to: number, step: number): Tick[] {
  const list: Tick[] = []
  for (let at = Math.ceil(from / step) * step; at <= to; at += step) {
    const iso = new Date(at).toISOString()
    const label = step >= DAY ? iso.slice(0, 10) : at % DAY === 0 ? iso.slice(0, 10) : iso.slice(11, step >= MINUTE ? 16 : 19)
    list.push({ at, label })
  }
  return list
}

function monthly(from: number, to: number, most: number): Tick[] {
  const average = 30.4 * DAY
  const step = MONTHS.find((months) => (to - from) / (months * average) <= most) ?? 240
  const first = new Date(from)
  let month = first.getUTCFullYear() * 12 + first.getUTCMonth()
  month = Math.ceil(month / step) * step
  const list: Tick[] = []
  for (;;) {
    const at = Date.UTC(Math.floor(month / 12), month % 12, 1)
    if (at > to) return list
    if (at >= from) list.push({ at, label: new Date(at).toISOString().slice(0, step >= 12 ? 4 : 7) })
    month += step
  }
}
