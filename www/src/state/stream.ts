// Server-sent events over `fetch`, because the token has to be sent in a header and `EventSource` cannot send one.
import { send } from './served'

export interface StreamEvent {
  name: string
  id: string
  data: unknown
}

/** The server says something at least every 5 seconds. After this many milliseconds without a word the connection counts as dead. */
const SILENCE = 12_000

/** Reads events until the stream ends, breaks or falls silent. `from` is the id of the last event that was read. */
export async function listen(
  path: string,
  from: string,
  stop: AbortSignal,
  opened: () => void,
  take: (event: StreamEvent) => void,
): Promise<void> {
  const silent = new AbortController()
  const either = AbortSignal.any([stop, silent.signal])
  let timer = setTimeout(() => silent.abort(), SILENCE)
  try {
    const response = await send(path, { headers: { 'last-event-id': from }, signal: either })
    if (!response.body) return
    opened()
    const reader = response.body.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader()
    let rest = ''
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      clearTimeout(timer)
      timer = setTimeout(() => silent.abort(), SILENCE)
      const blocks = (rest + value).split('\n\n')
      rest = blocks.pop() ?? ''
      for (const block of blocks) {
        const event = read(block)
        if (event) take(event)
      }
    }
  } finally {
    clearTimeout(timer)
  }
}

function read(block: string): StreamEvent | null {
  const fields = new Map<string, string>()
  for (const line of block.split('\n')) {
    const colon = line.indexOf(':')
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 1).trimStart())
  }
  const data = fields.get('data')
  if (data === undefined) return null
  return { name: fields.get('event') ?? 'message', id: fields.get('id') ?? '', data: JSON.parse(data) as unknown }
}
