// The whole way of an analyst: build, fix, compare, rehearse, hand over, carry out, check. Once with the mouse, once by keyboard
// only. The real command line carries out the very command that the page shows.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, load, look, open, test, type Locator, type Page } from './page'

const root = new URL('../../', import.meta.url).pathname
const binary = process.env['GENESYS_PURGE'] ?? join(root, 'target/debug/genesys-purge')

/** A folder that is empty but for a `bin` with the command. */
function place(): string {
  expect(existsSync(binary), `${binary}: build it first`).toBe(true)
  const folder = mkdtempSync(join(tmpdir(), 'console-'))
  mkdirSync(join(folder, 'bin'))
  symlinkSync(binary, join(folder, 'bin/genesys-purge'))
  return folder
}

/** Runs a command line in a shell in that folder. */
function shell(folder: string, line: string): string {
  const env = { PATH: `${join(folder, 'bin')}:${process.env['PATH'] ?? ''}`, HOME: folder }
  return execFileSync('sh', ['-c', line], { encoding: 'utf8', env, cwd: folder })
}

/** The evidence of the only run in this folder. */
function evidenceIn(folder: string): string {
  const all = join(folder, 'genesys-purge-data/evidence')
  const [run, ...others] = readdirSync(all)
  expect(others).toEqual([])
  return join(all, run ?? '')
}

test('from a request to its evidence', async ({ page }) => {
  test.setTimeout(180_000)
  const folder = place()
  await open(page, '', new Date())
  await load(page, 'A quarter of conversations')

  await test.step('a mistake is shown at its field and in the list, which links to the field', async () => {
    await page.getByLabel('Chunk length').fill('45')
    await expect(page.getByText('There is no plan yet')).toBeVisible()
    await page.getByRole('button', { name: /chunking\.tooLong/ }).click()
    await expect(page.getByLabel('Chunk length')).toBeFocused()
    await page.getByLabel('Chunk length').fill('30')
    await expect(page.getByText(/Deletes conversations, interactions and messages from 1 Jan 2023/)).toBeVisible()
  })

  await test.step('a hold cuts the range, and Compare shows how', async () => {
    await page.getByRole('button', { name: 'Compare', exact: true }).click()
    await page.getByRole('button', { name: 'Pin this plan' }).click()
    await page.getByRole('button', { name: 'Plan', exact: true }).click()
    await page.getByRole('button', { name: 'Create a policy' }).click()
    await page.getByRole('button', { name: 'Add a hold' }).click()
    await expect(page.getByText('1 d on hold is kept.')).toBeVisible()
    await page.getByRole('button', { name: 'Compare', exact: true }).click()
    await expect(page.getByText('3 added, 1 removed, 2 windows unchanged.')).toBeVisible()
    await page.getByRole('button', { name: 'Plan', exact: true }).click()
  })

  await test.step('undo and redo go through the steps', async () => {
    await page.clock.runFor(1000)
    const before = await page.locator('.says .digest').textContent()
    await page.getByLabel('Chunk length').fill('7')
    await page.clock.runFor(1000)
    await expect(page.locator('.says .digest')).not.toHaveText(before ?? '')
    await page.getByRole('button', { name: 'Undo' }).click()
    await expect(page.locator('.says .digest')).toHaveText(before ?? '')
    await page.getByRole('button', { name: 'Redo' }).click()
    await expect(page.locator('.says .digest')).not.toHaveText(before ?? '')
    await page.getByRole('button', { name: 'Undo' }).click()
    await expect(page.locator('.says .digest')).toHaveText(before ?? '')
  })

  await test.step('the address alone restores the same plan', async () => {
    const code = await page.locator('.says .digest').textContent()
    const other = await page.context().newPage()
    await open(other, new URL(page.url()).hash, new Date())
    await expect(other.locator('.says .digest')).toHaveText(code ?? '')
    await other.close()
  })

  const audit = join(folder, 'rehearsed.jsonl')
  await test.step('rehearse, with a hold placed during the run', async () => {
    await page.getByRole('button', { name: 'Rehearse', exact: true }).click()
    await page.getByLabel('Job duration, seconds').fill('600')
    await page.getByLabel('Job duration, seconds').blur()
    await page.getByRole('button', { name: 'Start', exact: true }).click()
    await expect(page.getByRole('button', { name: 'Pause' })).toBeVisible()
    await page.clock.runFor(500)
    await page.getByRole('button', { name: 'Pause' }).click()
    await expect(page.getByText('the job').first()).toBeVisible()
    await page.getByRole('button', { name: 'Legal hold' }).click()
    await expect(page.getByText(/^Hold placed on conversations from/)).toBeVisible()
    await look(page, 'rehearse-mid-run')
    await page.clock.resume()
    await page.getByRole('button', { name: 'To the end' }).click()
    await expect(page.getByText(/Some chunks were not deleted · exit code 4/)).toBeVisible({ timeout: 30_000 })
    await expect(page.getByRole('cell', { name: 'legal hold conflict' })).toBeVisible()
    const saved = page.waitForEvent('download')
    await page.getByRole('button', { name: 'Save the log' }).click()
    await (await saved).saveAs(audit)
  })

  await test.step('a changed log is detected, and the record is named', async () => {
    await page.getByRole('button', { name: 'Evidence', exact: true }).click()
    const lines = readFileSync(audit, 'utf8').trimEnd().split('\n')
    const changed = lines.map((line, at) => (at === 7 ? line.replace('"jurisdiction":"us-east-1"', '"jurisdiction":"us-west-2"') : line))
    const choosing = page.waitForEvent('filechooser')
    await page.getByRole('button', { name: 'Choose files…' }).click()
    await (await choosing).setFiles({ name: 'audit.jsonl', mimeType: 'text/plain', buffer: Buffer.from(changed.join('\n')) })
    await expect(page.getByText(/^Not sound: line 8: record .* does not match its hash/)).toBeVisible()
    await look(page, 'evidence-bad')
  })

  await test.step('the command line carries out the exported plan, with the same digest', async () => {
    await page.getByRole('button', { name: 'Plan', exact: true }).click()
    await page.getByRole('button', { name: 'Hand over' }).click()
    await page.getByLabel('Who approves it').fill("Pat O'Hara")
    const saved = page.waitForEvent('download')
    await page.locator('.inspector').getByRole('button', { name: 'Plan file', exact: true }).click()
    await (await saved).saveAs(join(folder, (await saved).suggestedFilename()))
    const policy = page.waitForEvent('download')
    await page.locator('.inspector').getByRole('button', { name: 'Policy', exact: true }).click()
    await (await policy).saveAs(join(folder, 'policy.json'))
    const digest = (await page.locator('.whole code').innerText()).trim()
    await expect(page.getByRole('group', { name: 'Carry it out' })).toContainText('Hara')
    const line = await page.getByRole('group', { name: 'Carry it out' }).innerText()
    expect(line).toContain(digest)
    expect(line, 'what comes later counts, too').toContain('--policy policy.json')
    shell(folder, line)
    shell(folder, await page.getByRole('group', { name: 'Rehearse it, deleting nothing' }).innerText())
    const evidence = evidenceIn(folder)
    const report = JSON.parse(readFileSync(join(evidence, 'report.json'), 'utf8')) as Record<string, unknown>
    expect(report).toMatchObject({ planDigest: digest, outcome: 'verified', simulated: true })
    expect(readFileSync(join(evidence, 'audit.jsonl'), 'utf8')).toContain("Pat O'Hara")

    await page.getByRole('button', { name: 'Evidence', exact: true }).click()
    const choosing = page.waitForEvent('filechooser')
    await page.getByRole('button', { name: 'Choose files…' }).click()
    await (await choosing).setFiles(readdirSync(evidence).map((name) => join(evidence, name)))
    await expect(page.getByText(/^Sound:/)).toBeVisible()
    await expect(page.locator('.checks').getByText('holds', { exact: true })).toHaveCount(9)
    await expect(page.getByText(digest)).toBeVisible()
    await look(page, 'evidence-good')
  })
})

/** Presses Tab until the element has the focus: what Tab does not reach cannot be used by keyboard. */
async function tabTo(page: Page, target: Locator): Promise<void> {
  for (let presses = 0; presses < 150; presses += 1) {
    if (await target.evaluate((element) => element === document.activeElement)) return
    await page.keyboard.press('Tab')
  }
  throw new Error('the keyboard does not get there')
}

async function press(page: Page, target: Locator): Promise<void> {
  await tabTo(page, target)
  await page.keyboard.press('Enter')
}

async function command(page: Page, words: string): Promise<void> {
  await page.keyboard.press('Control+k')
  await page.keyboard.type(words)
  await page.keyboard.press('Enter')
  await expect(page.getByRole('dialog')).toHaveCount(0)
}

test('the same journey by keyboard only', async ({ page }) => {
  test.setTimeout(180_000)
  const folder = place()
  await open(page, '', new Date())
  const button = (name: string): Locator => page.getByRole('button', { name, exact: true })

  await test.step('skip to the content, load, make a mistake, and find its field', async () => {
    await page.keyboard.press('Tab')
    await expect(page.getByRole('link', { name: 'Skip to content' })).toBeFocused()
    await page.keyboard.press('Enter')
    await command(page, 'messages with holds')
    // Every day a little more of the range is old enough.
    await expect(page.getByText(/in 3\d chunks/)).toBeVisible()
    await tabTo(page, page.getByLabel('Chunk length'))
    await page.keyboard.press('Control+a')
    await page.keyboard.type('45')
    await expect(page.getByText('There is no plan yet')).toBeVisible()
    await page.keyboard.press('Tab')
    await press(page, page.getByRole('button', { name: /chunking\.tooLong/ }))
    await expect(page.getByLabel('Chunk length')).toBeFocused()
    await page.keyboard.press('Control+a')
    await page.keyboard.type('14')
    await expect(page.getByText(/in 3\d chunks/)).toBeVisible()
  })

  await test.step('move along the timeline and the table', async () => {
    await tabTo(page, page.getByRole('slider', { name: /^Timeline/ }))
    await page.keyboard.press('End')
    await expect(page.getByRole('row', { selected: true })).toContainText('retained')
    await tabTo(page, page.getByRole('grid'))
    await page.keyboard.press('Home')
    await expect(page.getByRole('row', { selected: true })).toHaveText(/^12022-10-01/)
    await press(page, button('Queue message'))
    await tabTo(page, page.getByLabel('OAuth client id'))
    await page.keyboard.type('5f1c3a52')
    await page.keyboard.press('Tab')
    await expect(page.getByRole('group', { name: 'Queue message' })).toContainText('"chunk": 1')
    await page.keyboard.press('f')
    await expect(page.locator(':focus')).toHaveAttribute('id', /^at-policy-holds-0/)
  })

  await test.step('compare and rehearse', async () => {
    await page.getByRole('main').focus()
    await page.keyboard.press('p')
    await page.keyboard.press('2')
    await expect(page.getByText('No changes')).toBeVisible()
    await page.keyboard.press('3')
    await page.keyboard.press('Space')
    await expect(page.getByText(/of 3\d ended/)).toBeVisible()
    await page.keyboard.press('Space')
    await press(page, button('Legal hold'))
    await expect(page.getByText(/^Hold placed on conversations from/)).toBeVisible()
    await press(page, button('To the end'))
    await expect(page.getByText(/Some chunks were not deleted · exit code 4/)).toBeVisible({ timeout: 30_000 })
  })

  await test.step('the list of keys opens and closes', async () => {
    await page.getByRole('main').focus()
    await page.keyboard.press('?')
    await expect(page.getByRole('dialog', { name: 'Keyboard shortcuts' })).toBeVisible()
    await page.keyboard.press('Escape')
    await expect(page.getByRole('dialog')).toHaveCount(0)
  })

  await test.step('export, carry out, check', async () => {
    await page.keyboard.press('1')
    const saved = page.waitForEvent('download')
    await page.keyboard.press('e')
    await (await saved).saveAs(join(folder, (await saved).suggestedFilename()))
    await press(page, button('Hand over'))
    await expect(button('Event for the planner'), 'nobody has approved').toBeDisabled()
    await tabTo(page, page.getByLabel('Who approves it'))
    await page.keyboard.type('dpo@example.com')
    await expect(button('Event for the planner')).toBeEnabled()
    const policy = page.waitForEvent('download')
    await press(page, page.locator('.inspector').getByRole('button', { name: 'Policy', exact: true }))
    await (await policy).saveAs(join(folder, 'policy.json'))
    const digest = (await page.locator('.whole code').innerText()).trim()
    shell(folder, await page.getByRole('group', { name: 'Carry it out' }).innerText())
    const evidence = evidenceIn(folder)
    await page.keyboard.press('4')
    await expect(page.getByText('genesys-purge serve', { exact: true })).toBeVisible()
    await page.keyboard.press('5')
    await expect(page.getByText('Drop an evidence folder')).toBeVisible()
    const choosing = page.waitForEvent('filechooser')
    await press(page, button('Choose files…'))
    await (await choosing).setFiles(readdirSync(evidence).map((name) => join(evidence, name)))
    await expect(page.getByText(/^Sound:/)).toBeVisible()
    await expect(page.getByText(digest)).toBeVisible()
  })
})
