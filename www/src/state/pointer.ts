// Finds the place of a finding in a text, so that the finding can lead there: the value of its JSON pointer or, where the text is
// not JSON, the place that its message names.

/** Where the value begins and ends or, if it is missing, the nearest value around it; null when the text cannot be followed. */
export function placeOf(text: string, pointer: string): [number, number] | null {
  const path = pointer.replace(/^[^#]*#/, '').split('/').slice(1).map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
  let at = 0
  const blank = (): void => {
    while (/\s/.test(text[at] ?? '')) at += 1
  }
  /** Steps over a string and returns its value. */
  const quoted = (): string => {
    const from = at
    at += 1
    while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1
    at += 1
    return JSON.parse(text.slice(from, at)) as string
  }
  /** Steps over any value. */
  const skip = (): void => {
    let depth = 0
    do {
      blank()
      const letter = text[at] ?? ''
      if (letter === '"') quoted()
      else if (letter === '{' || letter === '[') {
        depth += 1
        at += 1
      } else if (letter === '}' || letter === ']') {
        depth -= 1
        at += 1
      } else if (letter === ',' || letter === ':') at += 1
      else while (at < text.length && !/[\s,:\]}]/.test(text[at] ?? '')) at += 1
    } while (depth > 0 && at < text.length)
  }
  let found: [number, number] | null = null
  try {
    for (let step = 0; ; step += 1) {
      blank()
      const from = at
      skip()
      if (at === from) return found
      found = [from, at]
      const wanted = path[step]
      const open = text[from]
      if (wanted === undefined || (open !== '{' && open !== '[')) return found
      at = from + 1
      for (let item = 0; ; item += 1) {
        blank()
        if (at >= found[1] - 1) return found
        let name = String(item)
        if (open === '{') {
          name = quoted()
          blank()
          at += 1
        }
        if (name === wanted) break
        skip()
        blank()
        if (text[at] === ',') at += 1
      }
    }
  } catch {
    return found
  }
}

/** The character at which a text could not be read any further, as the message says; null when it names no place. */
export function placeNamed(text: string, message: string): [number, number] | null {
  const [, line, column] = / at line (\d+), column (\d+)$/.exec(message) ?? []
  if (line === undefined) return null
  const lines = text.split('\n')
  const start = lines.slice(0, Number(line) - 1).join('\n').length + (line === '1' ? 0 : 1)
  // Core counts bytes.
  const bytes = new TextEncoder().encode(lines[Number(line) - 1])
  const at = (count: number): number => start + new TextDecoder().decode(bytes.subarray(0, count)).length
  return [at(Math.max(Number(column) - 1, 0)), at(Number(column))]
}
