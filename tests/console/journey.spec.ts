// The whole way, as an analyst goes it: build, fix, compare, rehearse, hand over, carry out, check.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, load, look, open, test } from './page'

const root = new URL('../../', import.meta.url).pathname
const binary = process.env['GENESYS_PURGE'] ?? join(root, 'target/debug/genesys-purge')

function cli(...args: string[]): string {
  const env = { PATH: process.env['PATH'] ?? '', HOME: tmpdir() }
  return execFileSync(binary, args, { encoding: 'utf8', env })
}

test('from a request to its evidence', async ({ page }) => {
  test.setTimeout(180_000)
  const folder = mkdtempSync(join(tmpdir(), 'console-'))
  await open(page)
  await load(page, 'A quarter of conversations')

  await test.step('a mistake is said at its field and in the list, which leads back to it', async () => {
    await page.getByLabel('Chunk length').fill('45')
    await expect(page.getByText('There is no plan yet')).toBeVisible()
    const finding = page.getByRole('button', { name: /chunking\.tooLong/ })
    await finding.click()
    await expect(page.getByLabel('Chunk length')).toBeFocused()
    await page.getByLabel('Chunk length').fill('30')
    await expect(page.getByText(/Deletes conversations, interactions and messages from 1 Jan 2023/)).toBeVisible()
  })

  await test.step('a hold cuts the range, and comparing says how', async () => {
    await page.keyboard.press('Tab')
    await page.getByRole('button', { name: 'Compare', exact: true }).click()
    await page.getByRole('button', { name: 'Pin this plan' }).click()
    await page.getByRole('button', { name: 'Plan', exact: true }).click()
    await page.getByRole('button', { name: 'Write one' }).click()
    await page.getByRole('button', { name: 'Add a hold' }).click()
    await expect(page.getByText('1 d on hold stays.')).toBeVisible()
    await page.getByRole('button', { name: 'Compare', exact: true }).click()
    await expect(page.getByText('3 added, 1 removed, 2 unchanged')).toBeVisible()
    await page.getByRole('button', { name: 'Plan', exact: true }).click()
  })

  await test.step('undo and redo walk the way back and forth', async () => {
    await page.clock.runFor(1000)
    const before = await page.locator('.digest').textContent()
    await page.getByLabel('Chunk length').fill('7')
    await page.clock.runFor(1000)
    await expect(page.locator('.digest')).not.toHaveText(before ?? '')
    await page.getByRole('button', { name: 'Undo' }).click()
    await expect(page.locator('.digest')).toHaveText(before ?? '')
    await page.getByRole('button', { name: 'Redo' }).click()
    await expect(page.locator('.digest')).not.toHaveText(before ?? '')
    await page.getByRole('button', { name: 'Undo' }).click()
    await expect(page.locator('.digest')).toHaveText(before ?? '')
  })

  await test.step('the address alone brings the same plan', async () => {
    const code = await page.locator('.digest').textContent()
    const other = await page.context().newPage()
    await open(other, new URL(page.url()).hash)
    await expect(other.locator('.digest')).toHaveText(code ?? '')
    await other.close()
  })

  const audit = join(folder, 'audit.jsonl')
  await test.step('rehearse, with a hold placed in the middle', async () => {
    await page.getByRole('button', { name: 'Rehearse', exact: true }).click()
    await page.getByLabel('Job takes, seconds').fill('600')
    await page.getByLabel('Job takes, seconds').blur()
    await page.getByRole('button', { name: 'Start', exact: true }).click()
    await expect(page.getByRole('button', { name: 'Pause' })).toBeVisible()
    await page.clock.runFor(500)
    await page.getByRole('button', { name: 'Pause' }).click()
    await expect(page.getByText('the job').first()).toBeVisible()
    await page.getByRole('button', { name: 'Place a hold now' }).click()
    await expect(page.getByText(/^Hold placed on conversations from/)).toBeVisible()
    await look(page, 'rehearse-mid-run')
    await page.clock.resume()
    await page.getByRole('button', { name: 'To the end' }).click()
    await expect(page.getByText(/partial · exit code 4/)).toBeVisible({ timeout: 30_000 })
    await expect(page.getByRole('cell', { name: 'legal hold conflict' })).toBeVisible()
    const saved = page.waitForEvent('download')
    await page.getByRole('button', { name: 'Save the log' }).click()
    await (await saved).saveAs(audit)
  })

  await test.step('a changed log is found out, and the record is named', async () => {
    await page.getByRole('button', { name: 'Evidence', exact: true }).click()
    const lines = readFileSync(audit, 'utf8').trimEnd().split('\n')
    const changed = lines.map((line, place) => (place === 7 ? line.replace('"jurisdiction":"us-east-1"', '"jurisdiction":"us-west-2"') : line))
    const choosing = page.waitForEvent('filechooser')
    await page.getByRole('button', { name: 'Choose files…' }).click()
    await (await choosing).setFiles({ name: 'audit.jsonl', mimeType: 'text/plain', buffer: Buffer.from(changed.join('\n')) })
    await expect(page.getByText(/^Not sound: line 8: record .* does not match its hash/)).toBeVisible()
    await look(page, 'evidence-bad')
  })

  await test.step('the exported plan is carried out by the command line, with the same digest', async () => {
    expect(existsSync(binary), `${binary}: build it first`).toBe(true)
    await page.getByRole('button', { name: 'Plan', exact: true }).click()
    const saved = page.waitForEvent('download')
    await page.getByRole('button', { name: 'Plan file' }).click()
    const plan = join(folder, (await saved).suggestedFilename())
    await (await saved).saveAs(plan)
    const { planDigest, plannedAt } = JSON.parse(readFileSync(plan, 'utf8')) as { planDigest: string; plannedAt: string }
    expect(await page.locator('.digest').getAttribute('title')).toContain(planDigest)
    test.skip(Date.parse(plannedAt) > Date.now() + 86_400_000, 'this machine’s clock is before the day of the plan')
    const evidence = join(folder, 'evidence')
    const out = cli('run', plan, '--ledger', join(folder, 'data'), '--evidence', evidence, '--json')
    const report = JSON.parse(out.trimEnd().split('\n').at(-1) ?? '{}') as { planDigest: string; outcome: string }
    expect(report).toMatchObject({ planDigest, outcome: 'verified' })

    await page.getByRole('button', { name: 'Evidence', exact: true }).click()
    const choosing = page.waitForEvent('filechooser')
    await page.getByRole('button', { name: 'Choose files…' }).click()
    await (await choosing).setFiles(['audit.jsonl', 'manifest.json', 'report.json', 'plan.json'].map((name) => join(evidence, name)))
    await expect(page.getByText(/^Sound:/)).toBeVisible()
    await expect(page.getByText('as the manifest lists it')).toHaveCount(3)
    await look(page, 'evidence-good')
  })
})

test('keyboard only', async ({ page }) => {
  await open(page)
  await page.keyboard.press('Tab')
  await expect(page.getByRole('link', { name: 'Skip to the content' })).toBeFocused()
  await page.keyboard.press('Enter')
  await page.keyboard.press('Control+k')
  await page.keyboard.type('messages with holds')
  await page.keyboard.press('Enter')
  await expect(page.getByText('31 chunks')).toBeVisible()
  await page.getByRole('main').focus()
  await page.keyboard.press('f')
  await expect(page.locator(':focus')).toHaveAttribute('id', /^at-policy-holds-0/)
  await page.getByRole('main').focus()
  await page.keyboard.press('p')
  await page.keyboard.press('2')
  await expect(page.getByText('No changes')).toBeVisible()
  await page.keyboard.press('3')
  await page.keyboard.press('Space')
  await expect(page.getByText(/of 31 ended/)).toBeVisible()
  await page.keyboard.press('Space')
  await page.keyboard.press('?')
  await expect(page.getByRole('dialog', { name: 'Keys' })).toBeVisible()
  await page.keyboard.press('Escape')
  await expect(page.getByRole('dialog')).toHaveCount(0)
  await page.keyboard.press('4')
  await expect(page.getByText('Drop an evidence folder')).toBeVisible()
})
