// Command lines for a POSIX shell, quoted so that they mean exactly what they show.

/** A word as it must be typed. */
export function shellQuoted(word: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}

/** Joins words to a command line. A word given as `{ raw }` is shell code already. */
export function command(...words: (string | { raw: string })[]): string {
  return words.map((word) => (typeof word === 'string' ? shellQuoted(word) : word.raw)).join(' ')
}
