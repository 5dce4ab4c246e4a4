// The view, the request and the policy in the part of the address after `#`, which browsers send to no server.
import type { Documents } from './document'

const VERSION = '1'

/**
 * The most bytes that an address may unpack to: more than any request and policy that can be planned. A short address can unpack to
 * a thousand times its length.
 */
const MOST_BYTES = 20_000_000
/** Bytes that are unpacked at a time. */
const PIECE = 4096

async function compress(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const piped = new Blob([bytes]).stream().pipeThrough(new CompressionStream('deflate-raw'))
  return new Uint8Array(await new Response(piped).arrayBuffer())
}

/** The unpacked text; null when it would be too long, in which case unpacking stops there. */
async function decompress(bytes: Uint8Array<ArrayBuffer>): Promise<string | null> {
  let at = 0
  const pieces = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull(controller) {
      if (at >= bytes.length) return controller.close()
      controller.enqueue(bytes.subarray(at, at + PIECE))
      at += PIECE
    },
  })
  const reader = pieces.pipeThrough(new DecompressionStream('deflate-raw')).getReader()
  const read: Uint8Array<ArrayBuffer>[] = []
  for (let size = 0; size <= MOST_BYTES; ) {
    const { done, value } = await reader.read()
    if (done) return new Blob(read).text()
    size += value.length
    read.push(value)
  }
  void reader.cancel()
  return null
}

function toBase64Url(bytes: Uint8Array): string {
  let binary = ''
  for (let from = 0; from < bytes.length; from += 8192) {
    binary += String.fromCharCode(...bytes.subarray(from, from + 8192))
  }
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}

function fromBase64Url(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'))
  return Uint8Array.from(binary, (c) => c.charCodeAt(0))
}

/** The address of these documents; null when they are too long to be read again. */
export async function encode(view: string, documents: Documents): Promise<string | null> {
  const bytes = new TextEncoder().encode(JSON.stringify([documents.request, documents.policy]))
  return bytes.length > MOST_BYTES ? null : `#${view}/${VERSION}/${toBase64Url(await compress(bytes))}`
}

export function viewOf(hash: string): string {
  return hash.replace(/^#/, '').split('/')[0] ?? ''
}

/** The packed documents of an address. The same documents always have the same packed form. */
export const packedPart = (hash: string): string => hash.slice(hash.indexOf('/'))

/** Whether an address claims to hold documents, readable or not. */
export function holdsDocuments(hash: string): boolean {
  return hash.includes('/')
}

/** The documents of an address; null when it has none that this page understands. */
export async function decode(hash: string): Promise<Documents | null> {
  const [, version, text] = hash.replace(/^#/, '').split('/')
  if (version !== VERSION || !text) return null
  try {
    const value = JSON.parse((await decompress(fromBase64Url(text))) ?? '') as unknown
    if (!Array.isArray(value) || typeof value[0] !== 'string') return null
    return { request: value[0], policy: typeof value[1] === 'string' ? value[1] : null }
  } catch {
    return null
  }
}
