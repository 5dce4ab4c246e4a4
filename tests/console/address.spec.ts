// The address holds the plan: it is copied, damaged, gone back in, and reloaded.
import { expect, load, look, open, test } from './page'

test('a damaged link shows no plan, and the address does not change', async ({ page }) => {
  await open(page)
  const first = page.url()
  await load(page, 'Messages with holds and retention')
  await page.clock.runFor(1000)
  await expect.poll(() => page.url()).not.toBe(first)
  const whole = new URL(page.url()).hash
  await page.goto('about:blank')
  const damaged = whole.slice(0, -40)
  await page.goto(`/${damaged}`)
  await expect(page.getByText('This link is incomplete')).toBeVisible()
  await expect(page.locator('.says .digest')).toHaveCount(0)
  await page.getByRole('button', { name: 'Compare', exact: true }).click()
  expect(new URL(page.url()).hash).toBe(damaged)
  await page.getByRole('button', { name: 'Plan', exact: true }).click()
  await look(page, 'damaged')
  // In the same tab, the whole link brings back its plan, and another damaged one takes it away again.
  await page.goto(`/${whole}`)
  await expect(page.getByText(/in 31 chunks/)).toBeVisible()
  await page.goto(`/${damaged}`)
  await expect(page.getByText('This link is incomplete')).toBeVisible()
  await load(page, 'A quarter of conversations')
  await expect(page.getByText(/in 3 chunks/)).toBeVisible()
})

test('an address that arrives while another is being read is not overwritten', async ({ page }) => {
  await open(page)
  await load(page, 'Messages with holds and retention')
  await page.clock.runFor(1000)
  await expect.poll(() => page.url()).toContain('#plan')
  const whole = new URL(page.url()).hash
  const damaged = whole.slice(0, -40)
  for (let turns = 0; turns < 16; turns += 1) {
    await page.evaluate(async ([first, second, wait]) => {
      location.hash = first
      for (let turn = 0; turn < wait; turn += 1) {
        await new Promise((done) => {
          const { port1, port2 } = new MessageChannel()
          port1.onmessage = done
          port2.postMessage(0)
        })
      }
      location.hash = second
    }, [whole, damaged, turns] as const)
    await expect(page.getByText('This link is incomplete')).toBeVisible()
    expect(new URL(page.url()).hash).toBe(damaged)
  }
})

test('two edits between two frames are both kept', async ({ page }) => {
  await open(page)
  const length = await page.getByLabel('Chunk length').elementHandle()
  await page.getByLabel('Unit').evaluate((unit: HTMLSelectElement, input) => {
    unit.value = 'hours'
    unit.dispatchEvent(new Event('change', { bubbles: true }))
    const field = input as HTMLInputElement
    field.value = '1'
    field.dispatchEvent(new Event('input', { bubbles: true }))
  }, length)
  await expect(page.getByText('2,160 rows')).toBeVisible()
})

test('the copied link is for the plan shown, each edit is one step, and a reload loses none', async ({ page, context }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write'])
  await open(page)
  await page.getByLabel('From (UTC)').fill('2023-02-01')
  await page.getByRole('button', { name: 'Copy link' }).click()
  await expect(page.getByText('Copied.')).toBeVisible()
  const link = await page.evaluate(() => navigator.clipboard.readText())
  const other = await context.newPage()
  await open(other, new URL(link).hash)
  await expect(other.getByText(/from 1 Feb 2023/)).toBeVisible()
  await other.close()

  await page.clock.runFor(1000)
  const reason = page.getByLabel('Reason')
  await reason.fill('one')
  await page.clock.runFor(1000)
  await reason.fill('two')
  await page.getByRole('button', { name: 'Compare', exact: true }).click()
  await expect(page.getByText('Pin the plan as it is now')).toBeVisible()
  await page.getByRole('button', { name: 'Undo' }).click()
  await page.getByRole('button', { name: 'Plan', exact: true }).click()
  await expect(reason).toHaveValue('one')

  await reason.fill('at the last moment')
  await page.reload()
  await expect(reason).toHaveValue('at the last moment')
})

test('Back returns to the previous view and changes no plan; undo and redo skip views', async ({ page }) => {
  await open(page)
  const view = (name: string): Promise<void> => page.getByRole('button', { name, exact: true }).click()
  const isShown = (name: string): Promise<void> => expect(page.getByRole('navigation').locator('[aria-current]')).toHaveText(name)
  const undo = page.getByRole('button', { name: 'Undo' })
  const redo = page.getByRole('button', { name: 'Redo' })
  await view('Rehearse')
  await expect.poll(() => page.url()).toContain('#rehearse')
  await expect(undo).toHaveAttribute('aria-disabled', 'true')
  await view('Plan')
  await page.getByLabel('Chunk length').fill('7')
  // The edit and the change of view are two steps, however quickly one follows the other.
  await view('Compare')
  await expect.poll(() => page.url()).toContain('#compare')
  await view('Evidence')
  await expect.poll(() => page.url()).toContain('#evidence')
  await page.goBack()
  await isShown('Compare')
  await page.goBack()
  await isShown('Plan')
  await expect(page.locator('.says p')).toContainText('in 13 chunks')
  await page.goForward()
  await page.goForward()
  await isShown('Evidence')
  await undo.click()
  await expect(page.locator('.says p')).toContainText('in 3 chunks')
  await isShown('Plan')
  await expect(undo).toHaveAttribute('aria-disabled', 'true')
  await redo.click()
  await expect(page.locator('.says p')).toContainText('in 13 chunks')
  await expect(redo).toHaveAttribute('aria-disabled', 'true')
  await page.goBack()
  await expect(page.locator('.says p')).toContainText('in 3 chunks')
  // Changing the view does not cut off what was undone.
  await view('Rehearse')
  await expect.poll(() => page.url()).toContain('#rehearse')
  await redo.click()
  await expect(page.locator('.says p')).toContainText('in 13 chunks')
})

test('an edit that was undone does not return after leaving the page and coming back', async ({ page }) => {
  await open(page)
  const reason = page.getByLabel('Reason', { exact: true })
  const before = await reason.inputValue()
  await reason.fill('too much')
  // As a browser does when it keeps the page while another one is shown.
  await page.evaluate(() => {
    for (const name of ['pagehide', 'pageshow']) dispatchEvent(new PageTransitionEvent(name, { persisted: true }))
  })
  await page.clock.runFor(1000)
  await page.getByRole('button', { name: 'Undo' }).click()
  await expect(reason).toHaveValue(before)
  await page.reload()
  await expect(reason).toHaveValue(before)
})

test('a reload restores the pinned plan, the counts and the approver', async ({ page }) => {
  await open(page)
  await page.getByRole('button', { name: 'Counts…' }).click()
  await page.getByLabel('Counts by day or hour').fill('2023-01-01,1204\n2023-01-02,998')
  await page.keyboard.press('Escape')
  await page.getByRole('button', { name: 'Hand over' }).click()
  await page.getByLabel('Who approves it').fill('dpo@example.com')
  await page.getByRole('main').focus()
  await page.keyboard.press('p')
  const first = page.url()
  await page.getByLabel('Chunk length').fill('7')
  await page.clock.runFor(1000)
  await expect.poll(() => page.url()).not.toBe(first)
  await page.reload()
  await expect(page.locator('.legend .volume')).toBeVisible()
  await page.getByRole('button', { name: 'Hand over' }).click()
  await expect(page.getByLabel('Who approves it')).toHaveValue('dpo@example.com')
  await page.getByRole('button', { name: 'Compare', exact: true }).click()
  await expect(page.getByRole('row', { name: 'Chunks 3 13' })).toBeVisible()
  await page.getByRole('button', { name: 'Unpin' }).click()
  await page.reload()
  await expect(page.getByRole('button', { name: 'Pin this plan' })).toBeVisible()
})

test('a request too large for an address is reported, survives a reload, and can be undone', async ({ page, context }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write'])
  await open(page)
  const ids = Array.from({ length: 45_000 }, () => crypto.randomUUID())
  const choosing = page.waitForEvent('filechooser')
  await page.locator('section.policy').getByRole('button', { name: 'Open file…' }).click()
  await (await choosing).setFiles({ name: 'policy.json', mimeType: 'application/json', buffer: Buffer.from(JSON.stringify({ version: 1, retention: [], holds: [{ id: 'LH-many', conversationIds: ids }] })) })
  await expect(page.getByRole('heading', { name: 'Legal holds (1)' })).toBeVisible()
  const small = page.url()
  await page.clock.runFor(1000)
  await expect(page.getByText('This request is too large for the address')).toBeVisible()
  await look(page, 'too-large')
  expect(page.url()).toBe(small)
  await page.getByRole('button', { name: 'Copy link' }).click()
  await expect(page.getByText('There is no link')).toBeVisible()
  const asked: string[] = []
  page.on('dialog', (dialog) => {
    asked.push(dialog.type())
    void dialog.accept()
  })
  await page.reload()
  expect(asked).toEqual(['beforeunload'])
  await expect(page.getByRole('heading', { name: 'Legal holds (1)' })).toBeVisible()
  await expect(page.getByText('This request is too large for the address')).toBeVisible()
  // Edits of it are undone step by step, and nothing of it is lost.
  const reason = page.getByLabel('Reason', { exact: true })
  await reason.fill('one more')
  await page.clock.runFor(1000)
  await page.getByRole('button', { name: 'Undo' }).click()
  await expect(reason).toHaveValue('retention schedule 7b')
  await expect(page.getByRole('heading', { name: 'Legal holds (1)' })).toBeVisible()
  await page.getByRole('button', { name: 'Undo' }).click()
  await expect(page.getByText('No policy: nothing is known')).toBeVisible()
  await expect(page.getByText('This request is too large for the address')).toHaveCount(0)
  await page.getByRole('button', { name: 'Redo' }).click()
  await page.getByRole('button', { name: 'Redo' }).click()
  await expect(reason).toHaveValue('one more')
  await expect(page.getByText('This request is too large for the address')).toBeVisible()
})

test('where the browser cannot copy, the page says what to do', async ({ page }) => {
  await page.addInitScript(() => Object.defineProperty(navigator, 'clipboard', { value: undefined }))
  await open(page)
  await page.locator('.says .digest').click()
  await expect(page.locator('.toast')).toHaveText(/copy it with Ctrl C/)
  await expect(page.locator('.toast')).toHaveClass(/error/)
})

test('a select shows the value in the request, whatever was chosen before', async ({ page }) => {
  await open(page)
  const list = page.getByLabel('Jurisdiction', { exact: true })
  for (const region of ['eu-west-1', 'ap-southeast-2']) {
    await list.selectOption(region)
    await page.clock.runFor(1000)
  }
  await page.getByRole('button', { name: 'Undo' }).click()
  await expect(list).toHaveValue('eu-west-1')
  await page.getByRole('button', { name: 'Undo' }).click()
  await expect(list).toHaveValue('us-east-1')
  await page.getByRole('button', { name: 'Commands' }).click()
  await expect(page.locator('#palette')).toBeFocused()
  await page.keyboard.type('theme dark')
  await page.keyboard.press('Enter')
  await expect(page.getByLabel('Theme')).toHaveValue('dark')
})
