// Rows of cells as spreadsheets write them: the separator is that of the first rows, and a quoted cell may hold it, quotes and line
// breaks.

export interface TableRow {
  /** The line that it begins in, from 1. */
  line: number
  /** Its beginning, as written. */
  text: string
  cells: string[]
  /** Whether a quote is opened in it that nothing closes. */
  open: boolean
}

const MARKS = ['\t', ';', ',', '|'] as const
/** Rows that the separator is chosen by: those below a title have it, the title has not. */
const CHOSEN_BY = 10
/** What Excel writes first, for itself: `sep=;`. */
const SEPARATOR_LINE = /^"?sep=(.)"?[^\S\r\n]*(?:\r\n|\r|\n|$)/i

/** The rows that are not blank. Without a separator cells are apart by `otherwise`: spaces, or nothing at all. */
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

/** What divides the most of the first rows; of several a tab, else what makes the most cells; null when nothing divides one. */
function separatorOf(text: string): string | null {
  // Behind blank lines and remarks.
  const first = /^(?:[^\S\r\n]*(?:#.*)?[\r\n]+)*/.exec(text)?.[0].length ?? 0
  let best: { mark: string | null; rows: number; cells: number } = { mark: null, rows: 0, cells: 0 }
  for (const mark of MARKS) {
    const [rows, cells] = countCells(text, first, mark)
    const more = rows === best.rows ? best.mark !== '\t' && cells > best.cells : rows > best.rows
    if (more) best = { mark, rows, cells }
  }
  return best.mark
}

/** How many of the first rows have several cells, and how many cells those are. */
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

/** One row from there. A quote opens a cell only where the cell begins: elsewhere it is an inch, or a name in quotes. */
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
