// Command lines for a POSIX shell, quoted so that they say exactly what they look like.

/** A word as it has to be typed. */
export function shellQuoted(word: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}

/** Words as one command line. A word given as `{ raw }` is already shell. */
export function command(...words: (string | { raw: string })[]): string {
  return words.map((word) => (typeof word === 'string' ? shellQuoted(word) : word.raw)).join(' ')
}
