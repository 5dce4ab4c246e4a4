// Splits text into cells as spreadsheets write them. The separator is found in the first rows. A quoted cell may contain
// separators, quotes and line breaks.

export interface TableRow {
  /** The line in which it begins, from 1. */
  line: number
  /** How it begins, as written. */
  text: string
  cells: string[]
  /** Whether it opens a quote that is never closed. */
  open: boolean
}

const MARKS = ['\t', ';', ',', '|'] as const
/** How many of the first rows decide about the separator. A title above them has none. */
const CHOSEN_BY = 10
/** What Excel writes for itself in the first line: `sep=;`. */
const SEPARATOR_LINE = /^"?sep=(.)"?[^\S\r\n]*(?:\r\n|\r|\n|$)/i

/** The rows that are not blank. Without a separator, `otherwise` divides cells: spaces, or nothing at all. */
export function readTable(text: string, otherwise: ' ' | ''): TableRow[] {
  const [{ length: begin }, named] = SEPARATOR_LINE.exec(text) ?? ['']
  const separator = named ?? separatorOf(text)
  if (separator === null && otherwise === ' ') {
    return text.split(/\r\n|\r|\n/).flatMap((line, place) => (line.trim() === ''
      ? []
      : [{ line: place + 1, text: line.slice(0, 80), cells: line.trim().split(/\s+/), open: false }]))
  }
  const rows: TableRow[] = []
  let [at, line] = begin > 0 ? [begin, 2] : [0, 1]
  while (at < text.length) {
    const read = readRow(text, at, separator)
    if (read.cells.some((cell) => cell !== '')) rows.push({ line, text: text.slice(at, read.end).slice(0, 80).trim(), cells: read.cells, open: read.open })
    line += read.lines
    at = read.next
  }
  return rows
}

/**
 * The separator that divides most of the first rows. A tab wins a tie, otherwise the one that makes the most cells. Null when no
 * row is divided.
 */
function separatorOf(text: string): string | null {
  // Skips leading blank lines and comments.
  const first = /^(?:[^\S\r\n]*(?:#.*)?[\r\n]+)*/.exec(text)?.[0].length ?? 0
  let best: { mark: string | null; rows: number; cells: number } = { mark: null, rows: 0, cells: 0 }
  for (const mark of MARKS) {
    const [rows, cells] = countCells(text, first, mark)
    const more = rows === best.rows ? best.mark !== '\t' && cells > best.cells : rows > best.rows
    if (more) best = { mark, rows, cells }
  }
  return best.mark
}

/** How many of the first rows have several cells, and how many cells these rows have. */
function countCells(text: string, first: number, mark: string): [rows: number, cells: number] {
  let [rows, cells] = [0, 0]
  for (let [at, seen] = [first, 0]; at < text.length && seen < CHOSEN_BY; seen += 1) {
    const read = readRow(text, at, mark)
    if (read.cells.length > 1) {
      rows += 1
      cells += read.cells.length
    }
    at = read.next
  }
  return [rows, cells]
}

/** Reads one row. A quote opens a cell only at its beginning; elsewhere it is an inch sign, or part of a name. */
function readRow(text: string, from: number, separator: string | null): { cells: string[]; end: number; next: number; lines: number; open: boolean } {
  const cells: string[] = []
  let [cell, quoted, at, lines] = ['', false, from, 1]
  const close = (): void => {
    cells.push(cell.trim())
    cell = ''
  }
  for (; at < text.length; at += 1) {
    const letter = text[at] ?? ''
    if (letter === '\n' || letter === '\r') {
      const two = letter === '\r' && text[at + 1] === '\n'
      if (!quoted) {
        close()
        return { cells, end: at, next: at + (two ? 2 : 1), lines, open: false }
      }
      lines += 1
      if (two) at += 1
      cell += ' '
    } else if (quoted && letter === '"' && text[at + 1] === '"') {
      cell += '"'
      at += 1
    } else if (quoted && letter === '"') quoted = false
    else if (!quoted && letter === '"' && cell.trim() === '') {
      quoted = true
      cell = ''
    } else if (!quoted && letter === separator) close()
    else cell += letter
  }
  close()
  return { cells, end: at, next: at, lines, open: quoted }
}
