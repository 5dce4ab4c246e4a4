// Formats times, lengths and counts for people. UTC always comes first.

export const DAY = 86_400_000
const count = new Intl.NumberFormat('en-GB')
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

export const number = (value: number): string => count.format(value)

export function plural(value: number, one: string, many = `${one}s`): string {
  return `${number(value)} ${value === 1 ? one : many}`
}

/** A length of time, in the two largest units that it has. */
export function length(ms: number): string {
  return inUnits(ms, 2)
}

/** A time measured by this page. Some browsers measure in whole milliseconds: a measured 0 means less than one. */
export function measuredTime(ms: number): string {
  return ms < 0.05 ? '<1 ms' : `${ms.toFixed(ms < 10 ? 1 : 0)} ms`
}

/** A length of time to the millisecond, for sums that people check. */
export function exactLength(ms: number): string {
  return inUnits(ms, UNITS.length)
}

const UNITS = [['d', DAY], ['h', 3_600_000], ['min', 60_000], ['s', 1000], ['ms', 1]] as const

function inUnits(ms: number, most: number): string {
  if (ms === 0) return '0 d'
  const sign = ms < 0 ? '-' : ''
  let rest = Math.abs(ms)
  const parts: string[] = []
  for (const [unit, size] of UNITS) {
    const whole = Math.floor(rest / size)
    if (whole > 0) parts.push(`${number(whole)} ${unit}`)
    rest -= whole * size
    if (parts.length === most) break
  }
  return sign + parts.join(' ')
}

/** Billionths of a US dollar as dollars, below a cent with two significant digits: `$0.00023`, `$12.00`, `$120`. */
export function money(nano: number): string {
  const dollars = nano / 1e9
  if (dollars >= 100) return `$${number(Math.round(dollars))}`
  if (dollars >= 0.01) return `$${dollars.toFixed(2)}`
  if (dollars === 0) return '$0'
  return `$${dollars.toFixed(Math.min(9, 1 - Math.floor(Math.log10(dollars))))}`
}

/** An instant in UTC, as short as possible without losing anything. */
export function instant(ms: number): string {
  const iso = new Date(ms).toISOString()
  if (ms % DAY === 0) return iso.slice(0, 10)
  if (ms % 60_000 === 0) return iso.slice(0, 16).replace('T', ' ')
  if (ms % 1000 === 0) return iso.slice(0, 19).replace('T', ' ')
  return iso.slice(0, 23).replace('T', ' ')
}

/** A day for a sentence, `1 Jan 2023`, with the time of day unless it is midnight. */
export function day(ms: number): string {
  const date = new Date(ms)
  const text = `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()] ?? ''} ${date.getUTCFullYear()}`
  return ms % DAY === 0 ? text : `${text} ${date.toISOString().slice(11, 16)}`
}

export const zone = Intl.DateTimeFormat().resolvedOptions().timeZone

const local = new Intl.DateTimeFormat('en-GB', {
  weekday: 'short', day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit',
  timeZoneName: 'short',
})

/** The same instant in the browser's time zone; empty when the text is not an instant. */
export function localTime(text: string): string {
  const [day] = /^\d{4}-\d{2}-\d{2}(?=T)/.exec(text) ?? []
  const ms = Date.parse(text)
  // Browsers read 30 February as a day of March.
  return day === undefined || Number.isNaN(ms) || new Date(day).toISOString().slice(0, 10) !== day ? '' : local.format(ms)
}

export function clock(ms: number): string {
  return new Date(ms).toISOString().slice(11, 19)
}

/** A time of day, with its date if that is not the date of `present`. */
export function clockBy(ms: number, present: number): string {
  const apart = Math.floor(ms / DAY) !== Math.floor(present / DAY)
  return apart ? new Date(ms).toISOString().slice(0, 19).replace('T', ' ') : clock(ms)
}

export function bytes(size: number): string {
  if (size < 1024) return `${size} B`
  if (size < 1024 * 1024) return `${(size / 1024).toFixed(1)} KB`
  return `${(size / 1024 / 1024).toFixed(1)} MB`
}

/**
 * Reads a future time: `12:05`, `12:05:30`, `2026-11-30 12:05`, or `+90` and `+1:30` from now. Null for an empty text, undefined
 * for anything else.
 */
export function parseTimeToCome(text: string, now: number): number | null | undefined {
  const typed = text.trim()
  if (typed === '') return null
  if (/^\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d)?$/.test(typed)) {
    const dated = Date.parse(`${typed.replace(' ', 'T')}Z`)
    return dated > now ? dated : undefined
  }
  const [, plus, first = '', second, third] = /^(\+?)(\d{1,5})(?::([0-5]\d))?(?::([0-5]\d))?$/.exec(typed) ?? []
  if (plus === undefined) return undefined
  if (plus === '+') {
    // `+S`, `+M:S` or `+H:M:S`.
    const seconds = [first, second, third].filter((one) => one !== undefined).reduce((sum, one) => sum * 60 + Number(one), 0)
    return now + seconds * 1000
  }
  if (second === undefined || Number(first) > 23) return undefined
  const at = Math.floor(now / DAY) * DAY + ((Number(first) * 60 + Number(second)) * 60 + Number(third ?? 0)) * 1000
  return at > now ? at : at + DAY
}
