// Evidence as files: which of them belong together, the names that core gets them by, and which problem is reported first.
import { expect, test } from 'vitest'
import { evidenceFolders, filesForCore, firstProblem, logOf, readPlanAndManifest, type Folder } from '../src/state/evidence'
import type { Check, EvidenceVerdict } from '../src/types'
import { badVerdict, goodVerdict } from './samples'

const given = (...paths: string[]) => paths.map((path) => ({ path, file: new File([path], path.slice(path.lastIndexOf('/') + 1)) }))
const only = (...paths: string[]): Folder => evidenceFolders(given(...paths))[0] as Folder

test('each folder with a log or a manifest is separate evidence', () => {
  const found = evidenceFolders(given('evidence/run-1/audit.jsonl', 'evidence/run-1/webhooks.jsonl', 'evidence/run-1/more/note.txt', 'evidence/run-2/manifest.json', 'evidence/x.txt'))
  expect(found.map(({ path, files }) => [path, [...files.keys()]])).toEqual([
    ['evidence/run-1', ['audit.jsonl', 'webhooks.jsonl', 'more/note.txt']], ['evidence/run-2', ['manifest.json']],
  ])
  expect(logOf(only('a/z.jsonl', 'a/audit.jsonl'))?.name).toBe('audit.jsonl')
  expect(evidenceFolders(given('webhooks.jsonl', 'a/plan.json'))).toEqual([])
})

test('with a manifest, every file is checked under its own name; a log alone may have any name', () => {
  expect(Object.keys(filesForCore(only('manifest.json', 'rehearsed.jsonl', 'note.txt')))).toEqual(['manifest.json', 'rehearsed.jsonl', 'note.txt'])
  const alone = filesForCore(only('rehearsed.jsonl', 'note.txt'))
  expect(Object.entries(alone).map(([name, file]) => [name, file.name])).toEqual([['audit.jsonl', 'rehearsed.jsonl']])
})

test('of several problems, the bad record is reported first', () => {
  const found = (log: EvidenceVerdict['log'], ...checks: Check[]): EvidenceVerdict =>
    ({ holds: log.good && checks.every(({ holds }) => holds), evidenceDigest: null, outcome: null, summary: null, checks, log })
  const check = (name: string, holds: boolean): Check => ({ name, holds, detail: `about ${name}` })
  expect(firstProblem(found(goodVerdict, check('files', true)))).toBeNull()
  expect(firstProblem(found(goodVerdict, check('files', false), check('plan', false)))).toBe('about files')
  expect(firstProblem(found(badVerdict, check('files', false), check('chains', false)))).toBe('about chains')
  expect(firstProblem(found(badVerdict))).toBe(badVerdict.message)
})

test('the plan and the manifest are read for the request, the policy and the program', async () => {
  const folder = (api: string, manifest: object): Folder => {
    const files = {
      'plan.json': { request: { api, name: 'Q1' }, policy: { limits: { verifyConversations: 10 } } },
      'manifest.json': manifest,
    }
    return { path: '', files: new Map(Object.entries(files).map(([name, value]) => [name, new File([JSON.stringify(value)], name)])) }
  }
  expect(await readPlanAndManifest(folder('recordingJobs', { program: 'genesys-purge/0.1.0' }))).toEqual({
    request: { api: 'recordingJobs', name: 'Q1' }, policy: { limits: { verifyConversations: 10 } }, program: 'genesys-purge/0.1.0',
  })
  // Older manifests do not name the program.
  expect(await readPlanAndManifest(folder('dataDeletion', {}))).toMatchObject({ program: '' })
})
