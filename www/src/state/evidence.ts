// Evidence as files: which of them belong together, and which problem to report first.
import type { EvidenceVerdict } from '../types'
import { parseFields, textAt, valueAt, type Fields } from './document'

/** A file, and its path in the folder that the user gave. */
export interface GivenFile {
  path: string
  file: File
}

/** One folder that may be evidence, with its files by their names in it. */
export interface Folder {
  path: string
  files: Map<string, File>
}

export const MANIFEST = 'manifest.json'
const LOG = 'audit.jsonl'

const folderOf = (path: string): string => path.slice(0, Math.max(path.lastIndexOf('/'), 0))
const isLog = (path: string): boolean => /\.(jsonl|ndjson)$/.test(path) && !/(^|\/)(webhooks|policies)\.jsonl$/.test(path)

/** The folders that have a log or a manifest. Each of them is evidence of its own. */
export function evidenceFolders(given: readonly GivenFile[]): Folder[] {
  const roots = [...new Set(given.filter(({ path }) => isLog(path) || `/${path}`.endsWith(`/${MANIFEST}`)).map(({ path }) => folderOf(path)))]
  return roots.sort().map((path) => {
    const inside = given.filter((one) => path === '' || one.path.startsWith(`${path}/`))
    return { path, files: new Map(inside.map((one) => [one.path.slice(path === '' ? 0 : path.length + 1), one.file])) }
  })
}

/** The log of a folder: `audit.jsonl`, or else the first file that may be a log. */
export function logOf({ files }: Folder): File | null {
  const other = [...files.keys()].find((name) => isLog(name)) ?? ''
  return files.get(LOG) ?? files.get(other) ?? null
}

/** The files by the names that core expects. Without a manifest that is the log alone, whatever its name. */
export function filesForCore(folder: Folder): Record<string, File> {
  if (folder.files.has(MANIFEST)) return Object.fromEntries(folder.files)
  const log = logOf(folder)
  return log === null ? {} : { [LOG]: log }
}

/** The first problem, in words; null when everything holds. Of several, the bad record says most. */
export function firstProblem({ holds, checks, log }: EvidenceVerdict): string | null {
  if (holds) return null
  const broken = checks.filter((check) => !check.holds)
  return (broken.find(({ name }) => name === 'chains') ?? broken[0])?.detail ?? log.message
}

/** What the plan and the manifest say. It may be believed only where everything holds. */
export interface PlanAndManifest {
  request: Fields
  policy: Fields
  /** The program that wrote the evidence; empty where the manifest does not say. */
  program: string
}

export async function readPlanAndManifest({ files }: Folder): Promise<PlanAndManifest> {
  const read = async (name: string): Promise<Fields> => parseFields((await files.get(name)?.text()) ?? '') ?? {}
  const [plan, manifest] = [await read('plan.json'), await read(MANIFEST)]
  const part = (name: string): Fields => (valueAt(plan, [name]) ?? {}) as Fields
  return { request: part('request'), policy: part('policy'), program: textAt(manifest, ['program']) }
}
