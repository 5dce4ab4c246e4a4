// Evidence that the command line left, before and after tampering: the verdict is always that of `genesys-purge verify`.
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { accessible, expect, load, look, open, shot, test, type Locator, type Page } from './page'
import { binary, environment } from './server'

const root = new URL('../../', import.meta.url).pathname
let folder = ''

test.beforeAll(() => {
  const work = mkdtempSync(join(tmpdir(), 'evidence-'))
  const run = (...args: string[]): string => execFileSync(binary, args, { cwd: work, encoding: 'utf8', env: environment })
  const { planDigest } = JSON.parse(run('plan', join(root, 'examples/q1-2023.json'), '--json', '--out', 'p.plan.json')) as { planDigest: string }
  run('run', 'p.plan.json', '--approve', planDigest, '--approver', 'dpo@example.com')
  folder = evidenceIn(join(work, 'genesys-purge-data'))
})

/** The evidence in a ledger with a single run. */
function evidenceIn(ledger: string): string {
  const all = join(ledger, 'evidence')
  return join(all, readdirSync(all)[0] ?? '')
}

/**
 * Plans and carries out an example with these changes under a policy with these limits. With `stop`, interrupts it as soon as
 * something is being deleted.
 */
async function carryOut(example: string, changes: object, limits: object, stop = false): Promise<string> {
  const work = mkdtempSync(join(tmpdir(), 'evidence-'))
  const options = { cwd: work, env: environment }
  writeFileSync(join(work, 'policy.json'), JSON.stringify({ version: 1, retention: [], holds: [], limits }))
  writeFileSync(join(work, 'request.json'), JSON.stringify({ ...JSON.parse(readFileSync(join(root, 'examples', example), 'utf8')) as object, ...changes }))
  // Long enough to be interrupted.
  writeFileSync(join(work, 'scenario.json'), JSON.stringify(stop ? { dataDeletion: { processingSeconds: 60 } } : {}))
  const planned = execFileSync(binary, ['plan', 'request.json', '--policy', 'policy.json', '--json', '--out', 'p.plan.json'], { ...options, encoding: 'utf8' })
  const { planDigest } = JSON.parse(planned) as { planDigest: string }
  const child = spawn(binary, ['run', 'p.plan.json', '--policy', 'policy.json', '--scenario', 'scenario.json', '--approve', planDigest, '--approver', 'dpo@example.com', '--json'], { ...options, stdio: ['ignore', 'pipe', 'ignore'] })
  let said = ''
  child.stdout.on('data', (piece: Buffer) => {
    said += piece.toString()
    if (stop && said.includes('"deleting"')) child.kill('SIGINT')
  })
  await new Promise((resolve) => child.once('exit', resolve))
  return evidenceIn(join(work, 'genesys-purge-data'))
}

/** The value beside a name. */
const fact = (within: Page | Locator, name: string): Locator => within.locator('dt', { hasText: new RegExp(`^${name}$`) }).locator('+ dd')

/** Chooses a whole folder, as it is. */
async function choose(page: Page, from: string): Promise<void> {
  const choosing = page.waitForEvent('filechooser')
  await page.getByRole('button', { name: 'Choose a folder…' }).click()
  await (await choosing).setFiles(from)
}

/** A copy of the evidence, changed by `what`. */
function changedCopy(what: (copy: string) => void): string {
  const copy = mkdtempSync(join(tmpdir(), 'evidence-'))
  cpSync(folder, copy, { recursive: true })
  what(copy)
  return copy
}

/** Changes a file and gives the manifest its new hash, as a forger would. */
function changeAndRehash(copy: string, name: string, change: (text: string) => string): void {
  const file = join(copy, name)
  const [before, manifest] = [readFileSync(file, 'utf8'), join(copy, 'manifest.json')]
  expect(change(before)).not.toBe(before)
  writeFileSync(file, change(before))
  const listed = JSON.parse(readFileSync(manifest, 'utf8')) as { files: Record<string, string> }
  listed.files[name] = `sha256:${createHash('sha256').update(change(before)).digest('hex')}`
  writeFileSync(manifest, JSON.stringify(listed))
}

/** The checks that the page shows. */
const shownChecks = (page: Page): Promise<unknown> =>
  page.locator('.checks:not(.sheet *) tbody tr').evaluateAll((rows) => rows.map((row) => {
    const [name, holds, detail] = [...row.children].map(({ textContent }) => textContent ?? '')
    return { name, holds: holds === 'holds', detail: detail?.trim() }
  }))

/** Shows what would be printed, at the width of the paper. */
async function onPaper(page: Page, look: () => Promise<void>): Promise<void> {
  await page.evaluate(() => dispatchEvent(new Event('beforeprint')))
  await page.emulateMedia({ media: 'print' })
  await page.setViewportSize({ width: 680, height: 1000 })
  await look()
  await page.setViewportSize({ width: 1440, height: 900 })
  await page.emulateMedia({ media: 'screen' })
  await page.evaluate(() => dispatchEvent(new Event('afterprint')))
}

const cut = (file: string): void => writeFileSync(file, readFileSync(file, 'utf8').slice(0, -40))

test('evidence that fails on the command line fails on the page', async ({ page }) => {
  await open(page)
  await page.getByRole('button', { name: 'Evidence', exact: true }).click()
  await choose(page, folder)
  await expect(page.getByText(/^Sound: \d+ records in 3 chains, none changed, and all 9 checks hold\.$/)).toBeVisible()
  const damages: [does: (copy: string) => void, says: RegExp][] = [
    [(copy) => cut(join(copy, 'report.json')), /^Not sound: report\.json was changed/],
    [(copy) => cut(join(copy, 'manifest.json')), /^Not sound: manifest\.json is damaged/],
    [(copy) => ['report.json', 'webhooks.jsonl'].forEach((name) => rmSync(join(copy, name))), /^Not sound: report\.json is missing; webhooks\.jsonl is missing/],
    [(copy) => rmSync(join(copy, 'audit.jsonl')), /^Not sound: audit\.jsonl is missing/],
    [(copy) => writeFileSync(join(copy, 'notes.txt'), 'x'), /^Not sound: notes\.txt does not belong/],
    // A forger can give the manifest the report's new hash, but cannot make the records add up to the report.
    [(copy) => changeAndRehash(copy, 'report.json', (text) => text.replace('"outcome": "verified"', '"outcome": "partial"')), /^Not sound: report\.json is not what the records amount to/],
    [(copy) => changeAndRehash(copy, 'webhooks.jsonl', (text) => text.replace('completed', 'residual')), /^Not sound: line 1 of webhooks\.jsonl does not say what the records say/],
    [(copy) => changeAndRehash(copy, 'plan.json', (text) => text.replace(/"reason": "[^"]*"/, '"reason": "another"')), /^Not sound: plan\.json does not hold/],
  ]
  for (const [damage, says] of damages) {
    const copy = changedCopy(damage)
    const { status, stdout } = spawnSync(binary, ['verify', copy, '--json'], { env: environment, encoding: 'utf8' })
    expect(status).toBe(5)
    await choose(page, copy)
    await expect(page.getByText(says)).toBeVisible()
    await expect(page.locator('.verdict.good')).toHaveCount(0)
    await expect(page.getByText('Without manifest.json')).toHaveCount(0)
    // Without a readable manifest, the command line has nothing to check.
    const { checks } = JSON.parse(stdout) as { checks?: { detail: string }[] }
    // Core's backticks are shown as code.
    if (checks !== undefined) expect(await shownChecks(page)).toEqual(checks.map((check) => ({ ...check, detail: check.detail.replaceAll('`', '') })))
    if (says.source.includes('report\\.json is missing')) await look(page, 'evidence-missing')
  }
  // Nothing is cut off on paper, and its ink is black whatever the theme on screen.
  await choose(page, changedCopy((copy) => ['audit.jsonl', 'plan.json', 'report.json', 'webhooks.jsonl'].forEach((name) => cut(join(copy, name)))))
  await expect(page.getByText(/^Not sound: audit\.jsonl ends within a line/)).toBeVisible()
  await page.getByLabel('Theme').selectOption('Dark')
  await onPaper(page, async () => {
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(680)
    const paper = page.locator('.sheet')
    expect(await paper.locator('*').evaluateAll((all) => [...new Set(all.map((one) => getComputedStyle(one).color))].sort())).toEqual(['rgb(0, 0, 0)', 'rgb(68, 68, 68)'])
    await shot(page, 'evidence-broken-paper')
  })
})

test('a folder can be dropped anywhere in the view; a file dropped elsewhere does not replace the page', async ({ page }) => {
  await open(page)
  const dropped = await page.context().newCDPSession(page)
  const drop = async (x: number, y: number, ...files: string[]): Promise<void> => {
    const data = { items: [], files, dragOperationsMask: 1 }
    for (const type of ['dragEnter', 'dragOver', 'drop'] as const) await dropped.send('Input.dispatchDragEvent', { type, x, y, data })
  }
  await page.getByRole('button', { name: 'Evidence', exact: true }).click()
  await expect(page.getByText('Drop an evidence folder')).toBeVisible()
  await drop(20, 780, folder)
  await expect(page.getByText(/^Sound:/)).toBeVisible()

  await page.getByRole('button', { name: 'Plan', exact: true }).click()
  await load(page, 'Messages with holds and retention')
  const title = page.getByRole('heading', { name: 'Policy' })
  await title.scrollIntoViewIfNeeded()
  const { x, y } = (await title.boundingBox()) ?? { x: 0, y: 0 }
  await drop(x + 10, y + 10, folder)
  await expect(page.locator('.toast')).toHaveText(/cannot be read; nothing was changed/)
  await expect(page.locator('.toast')).toHaveClass(/error/)
  const picture = join(mkdtempSync(join(tmpdir(), 'dropped-')), 'logo.png')
  writeFileSync(picture, new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0, 1, 2]))
  await drop(x + 10, y + 10, picture)
  await expect(page.locator('.toast')).toHaveText(/^logo\.png has characters that cannot be read/)
  await expect(page.getByRole('heading', { name: 'Legal holds (3)' })).toBeVisible()
  await drop(900, 300, join(folder, 'report.json'))
  await expect(page.getByRole('heading', { name: 'Legal holds (3)' })).toBeVisible()
  expect(page.context().pages()).toHaveLength(1)
})

test('with evidence of several runs the user chooses one; a long line shows its beginning', async ({ page }) => {
  const both = mkdtempSync(join(tmpdir(), 'evidence-'))
  for (const name of ['run-1', 'run-2']) cpSync(folder, join(both, name), { recursive: true })
  const log = join(both, 'run-2/audit.jsonl')
  writeFileSync(log, `{"${'x'.repeat(2_000_000)}\n${readFileSync(log, 'utf8')}`)
  await open(page)
  await page.getByRole('button', { name: 'Evidence', exact: true }).click()
  await choose(page, both)
  await expect(page.getByText('There is evidence of several runs here.')).toBeVisible()
  await expect(page.locator('.verdict')).toHaveCount(0)
  await page.getByRole('button', { name: /run-1$/ }).click()
  await expect(page.getByText(/^Sound:/)).toBeVisible()
  await page.getByRole('button', { name: /run-2$/ }).click()
  await expect(page.getByText(/^Not sound: first bad record: line 1/)).toBeVisible()
  await expect(page.getByText('audit.jsonl was changed').first()).toBeVisible()
  await expect(page.getByText('The line is 1.9 MB long; the first 4.0 KB are shown.')).toBeVisible()
  await look(page, 'evidence-several')
})

test('sound evidence says, also on paper, that it is simulated, how the chunks ended and who approved', async ({ page }) => {
  await open(page)
  await page.getByRole('button', { name: 'Evidence', exact: true }).click()
  await choose(page, folder)
  await expect(page.getByText('SIMULATED: nothing real was deleted.')).toBeVisible()
  // The digest that `run` printed and the user may have kept.
  const digest = `sha256:${createHash('sha256').update(readFileSync(join(folder, 'manifest.json'))).digest('hex')}`
  await expect(page.getByText(digest)).toBeVisible()
  await expect(page.getByText('How the chunks ended: 3 verified.')).toBeVisible()
  const kept = page.getByLabel(/^Digest that the run printed/)
  for (const [typed, says] of [
    [digest, /all 10 checks hold/], [`${digest.slice(7).toUpperCase()}  manifest.json`, /all 10 checks hold/],
    [digest.replace(/.$/, (last) => (last === '0' ? '1' : '0')), /^Not sound: its digest is/], ['', /all 9 checks hold/],
    // A typing mistake says nothing about the evidence, so it is reported at the field.
    [digest.slice(0, -1), /all 9 checks hold/],
  ] as const) {
    await kept.fill(typed)
    await kept.press('Enter')
    await expect(page.getByText(says)).toBeVisible()
    await expect(kept).toBeFocused()
  }
  await expect(kept).toHaveAccessibleDescription(/^This is not a digest, so nothing was compared with it/)
  await look(page, 'evidence-slip')
  await kept.fill('')
  await kept.press('Enter')
  await expect(page.getByText('This is not a digest')).toHaveCount(0)
  await expect(fact(page, 'Approval')).toHaveText(/^recorded in the name of dpo@example\.com at \d{4}-[-0-9: ]+\S* UTC$/)
  await look(page, 'evidence-good')
  await page.evaluate(() => dispatchEvent(new Event('beforeprint')))
  await page.emulateMedia({ media: 'print' })
  const paper = page.locator('.sheet')
  for (const text of ['Evidence check', 'Sound: ', 'SIMULATED', '3 verified', 'dpo@example.com', 'NOT compared', '7 files have the hashes in the manifest', 'Checked by']) await expect(paper).toContainText(text)
  const shots = new URL('results/shots/', import.meta.url).pathname
  mkdirSync(shots, { recursive: true })
  writeFileSync(`${shots}evidence.pdf`, await page.pdf({ format: 'A4' }))
  await page.emulateMedia({ media: 'screen' })
  await page.evaluate(() => dispatchEvent(new Event('afterprint')))

  // A log that ends before its run does is sound, but its run is not over.
  const log = join(mkdtempSync(join(tmpdir(), 'evidence-')), 'audit.jsonl')
  writeFileSync(log, readFileSync(join(folder, 'audit.jsonl'), 'utf8').trimEnd().split('\n').slice(0, -1).join('\n'))
  const choosing = page.waitForEvent('filechooser')
  await page.getByRole('button', { name: 'Choose files…' }).click()
  await (await choosing).setFiles(log)
  await expect(page.getByText('How the chunks ended: 2 verified, 1 open.')).toBeVisible()
  await page.getByText('Chunks that are not verified').click()
  await expect(page.getByText(/^\d: not ended$/)).toBeVisible()
  await onPaper(page, async () => {
    await expect(page.locator('.sheet').getByText(/^\d: not ended$/)).toBeVisible()
  })
})

test('a check says what was deleted, who approved it, and what it does not prove', async ({ page }) => {
  const { summary, evidenceDigest } = JSON.parse(spawnSync(binary, ['verify', folder, '--json'], { env: environment, encoding: 'utf8' }).stdout) as
    { summary: { tenant: string; recordsDeleted: number; remaining: number }; evidenceDigest: string }
  expect(summary.recordsDeleted).toBeGreaterThan(0)
  await open(page)
  await page.getByRole('button', { name: 'Evidence', exact: true }).click()
  await choose(page, folder)
  const told = async (within: Page | Locator): Promise<void> => {
    for (const [name, text] of [
      ['Purge', 'Q1 2023'], ['Organisation', summary.tenant], ['Jurisdiction', 'us-east-1, as the request says'], ['Deletion API', 'Data deletion'],
      ['Range', 'from 2023-01-01 until just before 2023-04-01 UTC'], ['Record types', 'conversations, interactions, messages'],
      ['Requested by', 'records@example.com'], ['Reason', 'retention schedule 7b'], ['Approval', /^recorded in the name of dpo@example\.com at /],
      ['Outcome', 'Everything was deleted and verified'], ['Deleted', `${summary.recordsDeleted.toLocaleString('en-GB')} records`], ['Left', '0 records'],
      ['Chunks', '3 (parts of the range, each with its own request)'], ['verified', 'gone: looked for afterwards, and not found'],
    ] as const) await expect(fact(within, name)).toHaveText(text)
    await expect(within.getByText('Absence was checked by counting what is left in the whole window of each chunk whose deletion had ended.')).toBeVisible()
    await expect(within.getByText('through the provider’s API; backups and exports are not covered.')).toBeVisible()
  }
  await told(page.locator('main'))
  // What nobody has compared is said not to have been compared.
  const not = page.getByText('was NOT compared with one that was kept elsewhere, so a folder that was replaced as a whole would pass.')
  await expect(not).toBeVisible()
  await page.getByLabel('Theme').selectOption('Dark')
  await accessible(page)
  await page.getByLabel('Theme').selectOption('Light')
  await onPaper(page, async () => {
    await told(page.locator('.sheet'))
    await expect(page.locator('.sheet').getByText('NOT compared')).toBeVisible()
    await shot(page, 'evidence-paper')
  })
  await page.getByLabel(/^Digest that the run printed/).fill(evidenceDigest)
  await page.getByLabel(/^Digest that the run printed/).press('Enter')
  await expect(page.getByText('was compared with the one that was kept elsewhere and typed in: they are the same.')).toBeVisible()
  await expect(not).toHaveCount(0)
  // The paper is about that purge, not about the plan in hand.
  await page.evaluate(() => dispatchEvent(new Event('beforeprint')))
  expect(await page.title()).toBe('Q1 2023 · Evidence check · genesys-purge')
  await page.evaluate(() => dispatchEvent(new Event('afterprint')))
})

test('open chunks and chunks that never began are counted; unmeasured numbers are marked as such', async ({ page }) => {
  const stopped = await carryOut('q1-2023.json', {}, { concurrency: 1 }, true)
  await open(page)
  await page.getByRole('button', { name: 'Evidence', exact: true }).click()
  await choose(page, stopped)
  await expect(page.getByText('How the chunks ended: 1 open, 2 never began.')).toBeVisible()
  for (const [name, text] of [
    ['Outcome', 'Some chunks have not ended'], ['Deleted', 'not measured'], ['Left', 'not measured'],
    ['open', 'begun, but not ended when the evidence was written'], ['never began', 'no deletion was requested'],
  ] as const) await expect(fact(page, name)).toHaveText(text)
  await expect(page.getByText('absence was not checked.')).toBeVisible()
  await look(page, 'evidence-open')
})

test('for recordings, the check says that absence was checked in a sample', async ({ page }) => {
  const recordings = await carryOut('year-recording-jobs.json', { range: { start: '2023-01-01T00:00:00.000Z', end: '2023-01-11T00:00:00.000Z' } }, { verifyConversations: 7 })
  await open(page)
  await page.getByRole('button', { name: 'Evidence', exact: true }).click()
  await choose(page, recordings)
  await expect(page.getByText('Absence was checked in a sample: up to 7 conversations per chunk that had recordings before.')).toBeVisible()
  await expect(fact(page, 'Outcome')).toHaveText('Everything was deleted and verified (in a sample: see below)')
  await expect(fact(page, 'verified')).toHaveText('gone according to the provider’s job; looked for afterwards in a sample, and not found')
  await expect(fact(page, 'Deleted')).toHaveText(/^[\d,]+ recordings$/)
  await look(page, 'evidence-recordings')
})
