// Compare says first what a change would delete that was kept, and then what it keeps that was deleted.
import { readFileSync } from 'node:fs'
import { expect, load, look, open, openPolicy, test, type Page } from './page'

const verdict = (page: Page) => page.locator('.compare .verdict p')

async function compare(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Compare', exact: true }).click()
  await expect(page.getByRole('heading', { name: 'Compare' })).toBeVisible()
}

/** Pins the plan of the example with holds, and shows it again for changes. */
async function pinExample(page: Page): Promise<void> {
  await open(page)
  await load(page, 'Messages with holds and retention')
  await expect(page.getByRole('heading', { name: 'Legal holds (3)' })).toBeVisible()
  await page.getByRole('main').focus()
  await page.keyboard.press('p')
}

test('a hold that was removed comes first: what it kept is deleted now', async ({ page }) => {
  await pinExample(page)
  await page.getByRole('button', { name: 'Remove LH-2023-014' }).click()
  await expect(page.getByRole('heading', { name: 'Legal holds (2)' })).toBeVisible()
  await compare(page)
  await expect(verdict(page)).toHaveText([
    'Deleted now, kept before: 7 d (2023-02-10 – 2023-02-17).',
    'Kept now, deleted before: no window.',
    'What is deleted in the same time may also change because of: holds.',
    '1 added, 3 removed, 30 windows unchanged. Differences: holds.',
  ])
  await look(page, 'compare-removed-hold')
  await page.getByLabel('Theme').selectOption('Dark')
  await look(page, 'compare-removed-hold-dark')
})

test('shorter retention and one more record type are said to be deleted now, and a hold on that type to be kept', async ({ page }) => {
  await pinExample(page)
  await page.getByLabel('Rule 1: Days').fill('1065')
  await page.getByRole('region', { name: 'Request' }).getByLabel('conversations', { exact: true }).check()
  await compare(page)
  await expect(verdict(page).nth(0)).toHaveText('Deleted now, kept before: 30 d (2023-11-24 – 2023-12-24); conversations.')
  // A hold on recordings stands against the deletion of whole conversations.
  await expect(verdict(page).nth(1)).toHaveText('Kept now, deleted before: 30 d (2022-11-01 – 2022-12-01).')
})

test('what is kept now is named second, and of many windows only the first', async ({ page }) => {
  await pinExample(page)
  await openPolicy(page, 'more.tsv', ['05', '06', '07', '08', '09'].map((month) => `LH-${month}\t2023-${month}-02\t2023-${month}-03`).join('\n'))
  await expect(page.getByRole('heading', { name: 'Legal holds (8)' })).toBeVisible()
  await page.getByRole('region', { name: 'Request' }).getByLabel('interactions', { exact: true }).uncheck()
  await compare(page)
  await expect(verdict(page).nth(0)).toHaveText('Deleted now, kept before: no window.')
  await expect(verdict(page).nth(1)).toHaveText(
    'Kept now, deleted before: 5 d (2023-05-02 – 2023-05-03, 2023-06-02 – 2023-06-03, 2023-07-02 – 2023-07-03 and 2 more); interactions.')
})

test('other chunks, names and reasons change nothing that is deleted', async ({ page }) => {
  await pinExample(page)
  await page.getByLabel('Chunk length').fill('10')
  await page.getByLabel('Name', { exact: true }).fill('another')
  await compare(page)
  await expect(verdict(page)).toHaveText([
    'Deleted now, kept before: no window.',
    'Kept now, deleted before: no window.',
    /windows unchanged\. Differences: name, chunking\.$/,
  ])
  const policy = readFileSync(new URL('../../examples/policy.json', import.meta.url), 'utf8')
  await page.getByRole('button', { name: 'Change the request' }).click()
  await openPolicy(page, 'policy.json', policy.replace('LH-2024-009', 'LH-2024-010'))
  await compare(page)
  await expect(verdict(page).nth(2)).toHaveText('What is deleted in the same time may also change because of: holds.')
})

test('a query deletes now what the other one did not match', async ({ page }) => {
  await open(page)
  await load(page, 'A quarter of conversations')
  await page.getByLabel('Query').fill('queue:sales')
  await expect(page.locator('.says')).toContainText('queue:sales')
  await page.getByRole('main').focus()
  await page.keyboard.press('p')
  await page.getByLabel('Query').fill('')
  await expect(page.locator('.says')).not.toContainText('queue:sales')
  await compare(page)
  await expect(verdict(page).nth(0)).toHaveText('Deleted now, kept before: what queue:sales does not match.')
  await expect(verdict(page).nth(1)).toHaveText('Kept now, deleted before: no window.')
})
