// Evidence as files: what belongs together, and everything in which it differs from its manifest.
import { expect, test } from 'vitest'
import { compare, folders, logOf, problems, readManifest, type Folder } from '../src/state/evidence'

const given = (...paths: string[]) => paths.map((path) => ({ path, file: new File([path], path.slice(path.lastIndexOf('/') + 1)) }))
const digest = async (file: File): Promise<string> => `sha256:${await file.text()}`
const NAMES = ['README.txt', 'audit.jsonl', 'metrics.prom', 'plan.json', 'report.json', 'webhooks.jsonl']
const listed = Object.fromEntries(NAMES.map((name) => [name, `sha256:${name}`]))
const whole = folders(given(...NAMES, 'manifest.json'))[0] as Folder
const states = async (folder: Folder, list: Record<string, string> = listed): Promise<Record<string, string>> =>
  Object.fromEntries((await compare(folder, list, digest)).filter(({ state }) => state !== 'asListed').map(({ name, state }) => [name, state]))
const without = (name: string): Folder => ({ ...whole, files: new Map([...whole.files].filter(([other]) => other !== name)) })

test('each folder with a log or a manifest is evidence of its own', () => {
  const found = folders(given('evidence/run-1/audit.jsonl', 'evidence/run-1/webhooks.jsonl', 'evidence/run-1/more/note.txt', 'evidence/run-2/manifest.json', 'evidence/x.txt'))
  expect(found.map(({ path, files }) => [path, [...files.keys()]])).toEqual([
    ['evidence/run-1', ['audit.jsonl', 'webhooks.jsonl', 'more/note.txt']], ['evidence/run-2', ['manifest.json']],
  ])
  expect(folders(given('rehearsed.jsonl')).map(logOf)).toHaveLength(1)
  expect(logOf(folders(given('a/z.jsonl', 'a/audit.jsonl'))[0] as Folder)?.name).toBe('audit.jsonl')
  expect(folders(given('webhooks.jsonl', 'a/plan.json'))).toEqual([])
})

test('whatever is changed, absent or beside the list is a problem', async () => {
  expect(await states(whole)).toEqual({})
  expect(await states(whole, { ...listed, 'report.json': 'sha256:00' })).toEqual({ 'report.json': 'changed' })
  expect(await states(without('webhooks.jsonl'))).toEqual({ 'webhooks.jsonl': 'absent' })
  expect(await states(folders(given(...NAMES, 'extra.txt'))[0] as Folder)).toEqual({ 'extra.txt': 'notListed' })
  // A list that leaves a file out, or names one that is no part of evidence, makes nothing good.
  const { 'report.json': _, ...shorter } = listed
  expect(await states(without('report.json'), shorter)).toEqual({ 'report.json': 'absent' })
  expect(await states(folders(given(...NAMES, 'extra.txt'))[0] as Folder, { ...listed, 'extra.txt': 'sha256:extra.txt' })).toEqual({ 'extra.txt': 'unlistable' })
  expect(problems('line 1 is bad', null, await compare(without('plan.json'), listed, digest))).toEqual(['line 1 is bad', 'plan.json is NOT there'])
})

test('a manifest that cannot be read is not one that is absent', () => {
  const chains = { version: 1, runId: 'run-1', planDigest: 'x', heads: {} }
  const manifest = { version: 1, runId: 'run-1', files: listed, chains }
  expect(readManifest(JSON.stringify(manifest))).toEqual({ chains: JSON.stringify(chains), files: listed })
  expect(readManifest(JSON.stringify(chains))).toEqual({ chains: JSON.stringify(chains), files: null })
  for (const broken of [JSON.stringify(manifest).slice(0, -9), '[]', JSON.stringify({ ...manifest, files: undefined }), JSON.stringify({ ...manifest, files: { a: 1 } }),
    JSON.stringify({ ...manifest, chains: undefined }), JSON.stringify({ ...manifest, version: 2 }), JSON.stringify({ ...manifest, runId: 'run-2' })]) {
    expect(typeof readManifest(broken), broken).toBe('string')
  }
})
