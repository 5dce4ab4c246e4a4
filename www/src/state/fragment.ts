// The whole state in the part of the address after `#`, which no browser sends anywhere.
import type { Documents } from './document'

const VERSION = '1'

async function through(bytes: Uint8Array<ArrayBuffer>, stream: CompressionStream | DecompressionStream): Promise<Uint8Array> {
  const piped = new Blob([bytes]).stream().pipeThrough(stream)
  return new Uint8Array(await new Response(piped).arrayBuffer())
}

function toText(bytes: Uint8Array): string {
  let binary = ''
  for (let from = 0; from < bytes.length; from += 8192) {
    binary += String.fromCharCode(...bytes.subarray(from, from + 8192))
  }
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}

function toBytes(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'))
  return Uint8Array.from(binary, (c) => c.charCodeAt(0))
}

export async function encode(view: string, documents: Documents): Promise<string> {
  const text = JSON.stringify([documents.request, documents.policy])
  const packed = await through(new TextEncoder().encode(text), new CompressionStream('deflate-raw'))
  return `#${view}/${VERSION}/${toText(packed)}`
}

export function viewOf(hash: string): string {
  return hash.replace(/^#/, '').split('/')[0] ?? ''
}

/** Whether an address says that it holds documents, be they readable or not. */
export function holdsDocuments(hash: string): boolean {
  return hash.includes('/')
}

/** The documents in an address, or null when there are none that this page understands. */
export async function decode(hash: string): Promise<Documents | null> {
  const [, version, packed] = hash.replace(/^#/, '').split('/')
  if (version !== VERSION || !packed) return null
  try {
    const bytes = await through(toBytes(packed), new DecompressionStream('deflate-raw'))
    const value = JSON.parse(new TextDecoder().decode(bytes)) as unknown
    if (!Array.isArray(value) || typeof value[0] !== 'string') return null
    return { request: value[0], policy: typeof value[1] === 'string' ? value[1] : null }
  } catch {
    return null
  }
}
