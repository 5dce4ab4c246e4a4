// Where the focus is, what a screen reader hears, and keys that do nothing where they should not.
import { accessible, expect, load, longRehearsal, look, open, test } from './page'

const HOLDS = 'Messages with holds and retention'

test('the focus is never lost: after dialogs, commands, removals and the last undo', async ({ page }) => {
  await open(page)
  await load(page, HOLDS)
  const button = (name: string) => page.getByRole('button', { name, exact: true })

  await button('Counts…').focus()
  await page.keyboard.press('Enter')
  await button('Close').focus()
  await page.keyboard.press('Enter')
  await expect(button('Counts…')).toBeFocused()

  await page.getByLabel('Reason').focus()
  await page.keyboard.press('Control+k')
  await expect(page.getByRole('combobox', { name: 'Type to find' })).toBeFocused()
  await page.keyboard.type('theme dark')
  await page.keyboard.press('Enter')
  await expect(page.getByLabel('Reason')).toBeFocused()
  await page.keyboard.press('Control+k')
  await expect(page.getByRole('combobox', { name: 'Type to find' })).toBeFocused()
  await page.keyboard.type('drafts')
  await page.keyboard.press('Enter')
  await expect(page.getByRole('dialog', { name: 'Drafts' })).toBeVisible()
  await page.getByRole('button', { name: 'Save draft' }).click()
  await expect(page.getByRole('status').filter({ hasText: 'Saved.' })).toBeVisible()
  await page.getByRole('button', { name: 'Save draft' }).click()
  await expect(page.getByRole('status').filter({ hasText: 'Replaced the draft' })).toBeVisible()
  await look(page, 'drafts-replaced')
  // Selecting text with the pointer released outside the dialog leaves it open.
  const name = page.getByLabel('Name of the draft')
  await name.fill('another')
  const box = await name.boundingBox()
  if (!box) throw new Error('there is no field')
  await page.mouse.move(box.x + 80, box.y + 10)
  await page.mouse.down()
  await page.mouse.move(box.x - 150, box.y + 10, { steps: 3 })
  await page.mouse.up()
  await expect(name).toHaveValue('another')
  await page.getByRole('button', { name: 'Save draft' }).click()
  const rows = page.getByRole('dialog').getByRole('listitem')
  await rows.first().getByRole('button', { name: 'Remove' }).click()
  await expect(page.getByRole('status').filter({ hasText: 'Removed the draft another.' })).toBeVisible()
  await expect(rows.first().getByRole('button', { name: 'Remove' })).toBeFocused()
  await page.keyboard.press('Enter')
  await expect(name).toBeFocused()
  await page.getByRole('button', { name: 'Restore it' }).click()
  await expect(rows).toHaveCount(1)
  await page.keyboard.press('Escape')
  await expect(page.getByRole('dialog')).toHaveCount(0)

  const paste = page.getByRole('button', { name: 'Paste rows…' }).first()
  await paste.click()
  await page.getByLabel('Rows of a spreadsheet').fill('LH-9\t2023-03-10\t2023-03-11')
  await page.getByRole('button', { name: 'Add them' }).click()
  await expect(paste).toBeFocused()

  for (let left = 4; left > 0; left -= 1) {
    await page.locator('[data-kind=holds] > li:last-child .grid button').focus()
    await page.keyboard.press('Enter')
    if (left > 1) await expect(page.locator('[data-kind=holds] > li').nth(left - 2).getByRole('button')).toBeFocused()
  }
  await expect(button('Add a hold')).toBeFocused()
  await page.clock.runFor(1000)
  await button('Undo').focus()
  for (let steps = 0; steps < 4; steps += 1) {
    await page.keyboard.press('Enter')
    await page.clock.runFor(1000)
  }
  await expect(button('Undo')).toHaveAttribute('aria-disabled', 'true')
  await expect(button('Undo')).toBeFocused()
  await accessible(page)
})

test('the table marks the selected row, and F leads to the field from any view', async ({ page }) => {
  await open(page)
  await load(page, HOLDS)
  const table = page.getByRole('grid')
  await table.focus()
  for (const [key, row] of [['End', 'part-32'], ['ArrowUp', 'part-31']] as const) {
    await page.keyboard.press(key)
    await expect(table).toHaveAttribute('aria-activedescendant', row)
    await expect(page.locator(`#${row}`)).toHaveAttribute('aria-selected', 'true')
  }
  // Core's backticks are shown as code here, too.
  await page.keyboard.press('End')
  await expect(page.getByRole('row', { selected: true })).not.toContainText('`')
  await expect(page.getByRole('row', { selected: true }).locator('code')).toContainText('records schedule 7b')
  await accessible(page)
  await page.keyboard.press('2')
  await expect(page.getByRole('heading', { name: 'Compare' })).toBeVisible()
  await page.keyboard.press('f')
  await expect(page.locator(':focus')).toHaveAttribute('id', /^at-policy-holds-0/)
})

test('shortcuts can be turned off, and do nothing behind a dialog', async ({ page }) => {
  await open(page)
  await page.getByRole('main').focus()
  await page.keyboard.press('?')
  await page.keyboard.press('2')
  await expect(page.getByRole('button', { name: 'Plan', exact: true, includeHidden: true })).toHaveAttribute('aria-current', 'page')
  await page.getByLabel('Use shortcuts without Ctrl').uncheck()
  await look(page, 'keys-off')
  await page.keyboard.press('Escape')
  await page.getByLabel('recordings', { exact: true }).focus()
  const saved = page.waitForEvent('download', { timeout: 1500 }).catch(() => null)
  await page.keyboard.type('plea2')
  expect(await saved).toBeNull()
  await expect(page.getByRole('button', { name: 'Plan', exact: true })).toHaveAttribute('aria-current', 'page')
  await page.keyboard.press('Control+k')
  await expect(page.getByRole('dialog', { name: 'Commands' })).toBeVisible()
  await page.keyboard.press('Control+k')
  await expect(page.getByRole('dialog')).toHaveCount(0)
})

test('a dialog that is still loading opens when it arrives, and keys typed meanwhile do nothing', async ({ page }) => {
  let arrive = (): void => undefined
  const gate = new Promise<void>((resolve) => (arrive = resolve))
  await page.route(/\/assets\/dialogs-/, async (route) => {
    await gate
    await route.continue()
  })
  await open(page)
  const reason = await page.getByLabel('Reason').inputValue()
  await page.getByRole('main').focus()
  await page.keyboard.press('?')
  await page.getByLabel('Reason').focus()
  await page.keyboard.type('p2e')
  arrive()
  await expect(page.getByRole('dialog', { name: 'Keyboard shortcuts' })).toBeVisible()
  await page.keyboard.press('Escape')
  await expect(page.getByLabel('Reason')).toHaveValue(reason)
  await expect(page.getByRole('button', { name: 'Plan', exact: true })).toHaveAttribute('aria-current', 'page')
})

test('a part of the page that cannot be loaded is reported, and the rest works', async ({ page, complaints }) => {
  await page.route(/\/assets\/(dialogs|compare)-/, (route) => route.abort())
  await open(page)
  await page.getByRole('button', { name: 'Counts…' }).click()
  await expect(page.locator('.toast')).toHaveText(/^Part of this page could not be loaded/)
  await page.getByRole('main').focus()
  await page.keyboard.press('2')
  await expect(page.getByRole('alert')).toHaveText(/^Part of this page could not be loaded/)
  // The browser itself reports the blocked request.
  expect(complaints.splice(0).every((text) => /ERR_FAILED|dynamically imported/.test(text))).toBe(true)
})

test('the keyboard shows a field’s help until Escape; the mouse has titles', async ({ page }) => {
  await open(page)
  const length = page.getByLabel('Chunk length')
  const help = page.getByText('A chunk is a part of the range that one request deletes')
  const width = async (): Promise<number> => (await help.boundingBox())?.width ?? 0
  await expect(length).toHaveAccessibleDescription(/^A chunk is a part of the range/)
  await length.click()
  await expect.poll(width).toBeLessThan(2)
  await page.keyboard.press('Shift+Tab')
  await page.keyboard.press('Tab')
  await expect(length).toBeFocused()
  await expect.poll(width).toBeGreaterThan(100)
  await expect(help).toBeInViewport()
  await look(page, 'form-help')
  await page.keyboard.press('Escape')
  await expect.poll(width).toBeLessThan(2)
  // There is room for the hints of the last fields as well.
  for (const [label, text] of [['Jurisdiction', 'The region that stores'], ['Query', 'Only what this'], ['Reason', 'The rule or schedule']] as const) {
    await page.keyboard.press('Tab')
    while (!(await page.getByLabel(label, { exact: true }).evaluate((element) => element === document.activeElement))) await page.keyboard.press('Tab')
    await expect(page.getByText(text)).toBeInViewport({ ratio: 1 })
  }
  await expect(page.getByRole('radio', { name: 'Data deletion' })).toHaveAccessibleDescription(/^For organisations and gateways/)
})

test('Space ticks the focused checkbox, and plays and pauses anywhere else', async ({ page }) => {
  await longRehearsal(page)
  const fault = page.getByRole('checkbox', { name: 'The 3rd job never ends' })
  await fault.focus()
  await page.keyboard.press('Space')
  await expect(fault).toBeChecked()
  await expect(page.getByRole('button', { name: 'Start', exact: true })).toBeVisible()
  await page.keyboard.press('Space')
  await expect(fault).not.toBeChecked()
  await page.getByRole('main').focus()
  await page.keyboard.press('Space')
  await expect(page.getByRole('button', { name: 'Pause' })).toBeVisible()
  // The slider has keys of its own, such as arrows; Space on it does not pause or play while somebody looks back.
  await page.getByLabel('Look back').focus()
  await page.keyboard.press('Space')
  await expect(page.getByRole('button', { name: 'Pause' })).toBeVisible()
  await page.getByRole('main').focus()
  await page.keyboard.press('Space')
  await expect(page.getByRole('button', { name: 'Play' })).toBeVisible()
})

test('a replaced plan is no longer drawn', async ({ page }) => {
  // The page itself reports an error if they are.
  await page.goto('/')
  await load(page, HOLDS)
  await page.getByLabel('Unit').selectOption('hours')
  await page.getByLabel('Chunk length').fill('6')
  await expect(page.getByText(/1,\d{3} rows/)).toBeVisible()
  await page.evaluate(async () => {
    const scroller = document.querySelector('.table') as HTMLElement
    const length = document.querySelector('#at-request-chunking') as HTMLInputElement
    for (let round = 0; round < 12; round += 1) {
      scroller.scrollTop = 300 * round
      scroller.dispatchEvent(new Event('scroll'))
      await new Promise((resolve) => setTimeout(resolve, 5 + round))
      length.value = String(6 + (round % 5))
      length.dispatchEvent(new InputEvent('input', { bubbles: true }))
      scroller.dispatchEvent(new Event('scroll'))
      await new Promise((resolve) => requestAnimationFrame(resolve))
    }
  })
  await page.waitForTimeout(600)
  await page.getByRole('button', { name: 'Compare', exact: true }).click()
  await page.getByRole('button', { name: 'Undo' }).click()
  await expect(page.getByRole('button', { name: 'Redo' })).not.toHaveAttribute('aria-disabled')
  await page.getByRole('button', { name: 'Plan', exact: true }).click()
  await page.setViewportSize({ width: 1200, height: 700 })
  await expect(page.getByRole('row').nth(1)).toBeVisible()
})
