// Every view in both themes: accessible, and drawn into a folder for people to look at.
import { accessible, expect, load, look, open, test } from './page'

for (const theme of ['Light', 'Dark'] as const) {
  test(`every view, ${theme.toLowerCase()}`, async ({ page }) => {
    await open(page)
    await page.getByLabel('Theme').selectOption(theme)
    const name = (view: string): string => `${view}-${theme.toLowerCase()}`

    await load(page, 'Messages with holds and retention')
    await page.getByRole('grid').press('Home')
    await look(page, name('plan'))

    await page.getByRole('button', { name: 'Hand over' }).click()
    await look(page, name('plan-hand-over'))

    await page.keyboard.press('Control+k')
    await look(page, name('palette'))
    await page.keyboard.press('Escape')

    await page.getByRole('button', { name: 'Compare', exact: true }).click()
    await accessible(page)
    await page.getByRole('button', { name: 'Pin this plan' }).click()
    await page.getByRole('button', { name: 'Plan', exact: true }).click()
    await page.getByLabel('Chunk length').fill('10')
    await page.getByRole('button', { name: 'Compare', exact: true }).click()
    await expect(page.getByRole('status').filter({ hasText: 'unchanged' })).toBeVisible()
    await look(page, name('compare'))

    await page.getByRole('button', { name: 'Rehearse', exact: true }).click()
    await accessible(page)
    await page.getByLabel('Every 5th call is rate limited').check()
    // Long enough that it does not end by itself before the button is pressed.
    await page.getByLabel('Job takes, seconds').fill('3600')
    await page.getByLabel('Job takes, seconds').blur()
    await page.getByRole('button', { name: 'Start', exact: true }).click()
    await page.getByRole('button', { name: 'To the end' }).click()
    await expect(page.getByText(/exit code/)).toBeVisible()
    await look(page, name('rehearse'))

    await page.getByRole('button', { name: 'Check it in Evidence' }).click()
    await expect(page.getByText(/^Sound:/)).toBeVisible()
    await look(page, name('evidence'))
  })
}

test('a broken request says everything at once', async ({ page }) => {
  await open(page)
  await page.getByLabel('From (UTC)').fill('2023-13-01')
  await page.getByLabel('To, not included (UTC)').fill('soon')
  await page.getByLabel('Reason').fill('')
  await look(page, 'broken')
})

test('on a tablet', async ({ page }) => {
  await page.setViewportSize({ width: 820, height: 1180 })
  await open(page)
  await look(page, 'tablet')
})
