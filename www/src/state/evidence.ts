// Evidence as files: which of them belong together, what the manifest lists, and everything in which they differ from it. What
// `genesys-purge verify` takes for not holding does not hold here either; but the page does not make plan and report again.
import { at, fields } from './document'
import { t } from '../texts'

/** A file, and where it is in the folder that was given. */
export interface Given {
  path: string
  file: File
}

/** One folder that may be evidence, and its files by their names in it. */
export interface Folder {
  path: string
  files: Map<string, File>
}

export const MANIFEST = 'manifest.json'
/** What evidence consists of, besides the manifest. */
const FILES = ['README.txt', 'audit.jsonl', 'metrics.prom', 'plan.json', 'report.json', 'webhooks.jsonl']

const folderOf = (path: string): string => path.slice(0, Math.max(path.lastIndexOf('/'), 0))
const isLog = (path: string): boolean => /\.(jsonl|ndjson)$/.test(path) && !/(^|\/)webhooks\.jsonl$/.test(path)

/** The folders that have a log or a manifest; each of them is evidence of its own. */
export function folders(given: readonly Given[]): Folder[] {
  const roots = [...new Set(given.filter(({ path }) => isLog(path) || `/${path}`.endsWith(`/${MANIFEST}`)).map(({ path }) => folderOf(path)))]
  return roots.sort().map((path) => {
    const inside = given.filter((one) => path === '' || one.path.startsWith(`${path}/`))
    return { path, files: new Map(inside.map((one) => [one.path.slice(path === '' ? 0 : path.length + 1), one.file])) }
  })
}

/** The log of a folder: the one that belongs there, or else the only thing that may be one. */
export function logOf({ files }: Folder): File | null {
  const other = [...files.keys()].find((name) => isLog(name)) ?? ''
  return files.get('audit.jsonl') ?? files.get(other) ?? null
}

/** What is in a manifest. */
export interface Manifest {
  /** How long each chain is, as core reads it. */
  chains: string
  /** Digest by name; null when it lists chains only. */
  files: Record<string, string> | null
}

/** The manifest, or why it is none. A manifest that cannot be read is not one that is absent. */
export function readManifest(text: string): Manifest | string {
  const manifest = fields(text)
  if (manifest === null) return t.evidence.manifest.notJson
  const { chains, files } = manifest
  // The part of it that is about the chains can stand alone.
  if (chains === undefined && files === undefined) return { chains: text, files: null }
  if (typeof chains !== 'object' || chains === null) return t.evidence.manifest.noChains
  if (typeof files !== 'object' || files === null || Object.values(files).some((digest) => typeof digest !== 'string')) return t.evidence.manifest.noFiles
  if (manifest['version'] !== 1) return t.evidence.manifest.version
  if (manifest['runId'] !== at(chains, ['runId'])) return t.evidence.manifest.otherRun
  return { chains: JSON.stringify(chains), files: files as Record<string, string> }
}

/** A file beside what the manifest says about it. */
export interface Compared {
  name: string
  size: number | null
  state: 'asListed' | 'changed' | 'notListed' | 'absent' | 'unlistable'
}

/** Every file that is listed or there, compared; `digest` says what a file is. */
export async function compare({ files }: Folder, listed: Record<string, string>, digest: (file: File) => Promise<string>): Promise<Compared[]> {
  const names = [...new Set([...FILES, ...Object.keys(listed), ...files.keys()])].filter((name) => name !== MANIFEST).sort()
  return Promise.all(names.map(async (name) => {
    const [file, known] = [files.get(name), Object.hasOwn(listed, name) ? listed[name] : undefined]
    const size = file?.size ?? null
    if (file === undefined) return { name, size, state: 'absent' }
    if (known === undefined) return { name, size, state: 'notListed' }
    // Another list does not make it a part of evidence.
    if (!FILES.includes(name)) return { name, size, state: 'unlistable' }
    return { name, size, state: (await digest(file)) === known ? 'asListed' : 'changed' }
  }))
}

/** Everything that does not hold, in words: the chains first. */
export function problems(bad: string | null, manifest: string | null, compared: readonly Compared[]): string[] {
  return [
    ...(bad === null ? [] : [bad]),
    ...(manifest === null ? [] : [manifest]),
    ...compared.filter(({ state }) => state !== 'asListed').map(({ name, state }) => t.evidence.differs(name, t.evidence.states[state])),
  ]
}
