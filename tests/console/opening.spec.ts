// What is opened, dropped or typed in the wrong place or the wrong form: the page says what it is, and where it is wrong.
import { readFileSync } from 'node:fs'
import { drop, expect, load, open, openPolicy, test } from './page'

const POLICY = readFileSync(new URL('../../examples/policy.json', import.meta.url), 'utf8')
const REQUEST = JSON.stringify({
  version: 1, name: 'Dropped at the policy', api: 'dataDeletion', recordTypes: ['message'],
  range: { start: '2023-01-01T00:00:00Z', end: '2023-02-01T00:00:00Z' }, jurisdiction: 'us-east-1', query: null,
  chunking: { days: 7 }, reason: 'records schedule 7b', requestedBy: 'a.analyst@example.com',
}, null, 2)

test('a policy dropped on the request becomes the policy, and the other way round', async ({ page }) => {
  await open(page)
  await load(page, 'A quarter of conversations')
  await drop(page, 'section.form', POLICY)
  await expect(page.getByText('Loaded the policy from dropped.json.')).toBeVisible()
  await expect(page.getByRole('heading', { name: 'Legal holds (3)' })).toBeVisible()
  await expect(page.getByLabel('Name', { exact: true })).toHaveValue('Q1 2023')

  await drop(page, 'section.policy', REQUEST)
  await expect(page.getByText('Loaded the request from dropped.json.')).toBeVisible()
  await expect(page.getByLabel('Name', { exact: true })).toHaveValue('Dropped at the policy')
  await expect(page.getByRole('heading', { name: 'Legal holds (3)' })).toBeVisible()

  const saved = page.waitForEvent('download')
  await page.locator('#export-plan').click()
  const plan = readFileSync(await (await saved).path(), 'utf8')
  await load(page, 'A quarter of conversations')
  await expect(page.getByText('No policy: nothing is known')).toBeVisible()
  await drop(page, 'section.policy', plan)
  await expect(page.getByText('it is still the same plan')).toBeVisible()
  await expect(page.getByLabel('Name', { exact: true })).toHaveValue('Dropped at the policy')
  await expect(page.getByRole('heading', { name: 'Legal holds (3)' })).toBeVisible()
})

test('what is neither stays where it was dropped, for its findings to say what is wrong', async ({ page }) => {
  await open(page)
  await drop(page, 'section.policy', '{"version": 1, "retention": [], "holds": [')
  await expect(page.getByLabel('Policy, JSON')).toHaveValue('{"version": 1, "retention": [], "holds": [')
  await drop(page, 'section.form', '{"version": 1}')
  await expect(page.locator('.findings')).toContainText('the field api is missing')
})

test('a file opened from the command palette is read by the same rules', async ({ page }) => {
  await open(page)
  await page.getByRole('main').focus()
  await page.keyboard.press('Control+k')
  await page.getByLabel('Type to find a command').fill('load policy open')
  const command = page.getByRole('option', { name: 'Load: Policy: Open file…' })
  await expect(command).toBeVisible()
  const choosing = page.waitForEvent('filechooser')
  await command.click()
  await (await choosing).setFiles({ name: 'holds.csv', mimeType: 'text/csv', buffer: Buffer.from('hold,from,to\nLH-1,2023-02-10,2023-02-17') })
  await expect(page.getByRole('heading', { name: 'Legal holds (1)' })).toBeVisible()
})

test('a finding about malformed JSON leads to the place that it names', async ({ page }) => {
  await open(page)
  // Bytes and characters differ before the place, and the place is below what the field shows.
  const rows = Array.from({ length: 80 }, (_, n) => `    {"id": "LH-${n}", "matter": "Prüfung № ${n} 🔒", "conversationIds": ["c-${n}"]}`).join(',\n')
  const text = `{"version": 1, "retention": [], "holds": [\n${rows}\n]}`
  await openPolicy(page, 'policy.json', text.replace('"Prüfung № 70 🔒", ', '"Prüfung № 70 🔒" '))
  await page.getByRole('button', { name: /json\.syntax/ }).click()
  const area = page.getByLabel('Policy, JSON')
  await expect(area).toBeFocused()
  const around = (): Promise<string[]> => area.evaluate(({ value, selectionStart, selectionEnd }: HTMLTextAreaElement) =>
    [value.slice(selectionStart - 4, selectionStart), value.slice(selectionStart, selectionEnd)])
  await expect.poll(around).toEqual(['🔒" ', '"'])
  await expect.poll(() => area.evaluate((it) => it.scrollTop)).toBeGreaterThan(500)

  // Where the text just ends, the caret is at its end.
  await area.fill('{"version": 1,\n')
  await page.getByRole('button', { name: /json\.syntax/ }).click()
  await expect(area).toBeFocused()
  await expect.poll(() => area.evaluate((it: HTMLTextAreaElement) => it.selectionEnd)).toBe(15)

  await page.getByRole('button', { name: 'JSON' }).first().click()
  const request = page.getByLabel('Purge request, JSON')
  await request.fill(REQUEST.replace('"us-east-1"', 'us-east-1'))
  await page.getByRole('button', { name: /json\.syntax/ }).first().click()
  await expect(request).toBeFocused()
  await expect.poll(() => request.evaluate((it: HTMLTextAreaElement) => it.value.slice(it.selectionStart, it.selectionStart + 9))).toBe('us-east-1')
})

test('the findings that stop a plan come first, whichever document they are in', async ({ page }) => {
  await open(page)
  await load(page, 'Messages with holds and retention')
  const codes = page.locator('.findings li .place code')
  await page.getByLabel('To, not included (UTC)').fill('2023-12-31T23:59:59.000Z')
  await expect(codes).toHaveText(['range.endLooksInclusive', 'hold.overlap', 'hold.conversations', 'retention.kept'])
  await page.getByLabel('Chunk length').fill('45')
  await expect(codes).toHaveText(['chunking.tooLong', 'range.endLooksInclusive', 'hold.overlap', 'hold.conversations', 'retention.kept'])
  await page.getByLabel('Chunk length').fill('14')
  await page.getByLabel('Rule 2: Days').fill('many')
  await expect(codes).toHaveText(['field.type', 'range.endLooksInclusive'])
  // The key leads to the first of them.
  await page.getByRole('main').focus()
  await page.keyboard.press('f')
  await expect(page.getByLabel('Rule 2: Days')).toBeFocused()
})
