// Watch, against the real server: a plan is carried out by its typed code, followed live, retried and verified; and a run is
// cancelled.
import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { accessible, expect, load, look, openPolicy, test } from './page'
import { binary, carryOut, enter, environment, serve, stopServers } from './server'

test.afterEach(stopServers)

/** Deletions take three seconds. The second submit is refused, and so is the first retry. */
const REFUSING = {
  dataDeletion: { processingSeconds: 3 },
  faults: [{ on: 'submit', nth: [2, 4], do: { kind: 'error', status: 400 } }],
}
const SLOW = { dataDeletion: { processingSeconds: 30 } }

test('nothing can be carried out before the tenant is known', async ({ page, complaints }) => {
  const server = await serve({})
  await page.route('**/api/server', (route) => route.abort())
  await page.goto(server.url)
  await page.getByRole('button', { name: 'Plan', exact: true }).click()
  await load(page, 'A quarter of conversations')
  await page.getByRole('button', { name: 'Carry out…' }).click()
  const dialog = page.getByRole('dialog')
  await expect(dialog).toContainText('The server has not yet said which tenant it is for.')
  await expect(dialog).not.toContainText('SIMULATED')
  await expect(dialog.getByRole('button', { name: 'Delete' })).toBeDisabled()
  await page.getByRole('button', { name: 'Not now' }).click()
  await page.unroute('**/api/server')
  await page.getByRole('button', { name: 'Carry out…' }).click()
  await expect(dialog).toContainText('SIMULATED: this server works on a simulated tenant')
  await expect(dialog.getByRole('button', { name: 'Start' })).toBeEnabled()
  // The browser itself reports the blocked request.
  expect(complaints.splice(0).every((text) => text.includes('ERR_FAILED'))).toBe(true)
})

test('with many warnings, the plan, the tenant and the buttons stay in view', async ({ page }) => {
  const server = await serve({})
  await enter(page, server)
  await page.getByRole('button', { name: 'Plan', exact: true }).click()
  await load(page, 'A quarter of conversations')
  const holds = Array.from({ length: 12 }, (_, n) => `LH-${n}\t2023-02-${n + 10}\t2023-02-${n + 11}`).join('\n')
  await openPolicy(page, 'holds.tsv', holds)
  await page.getByRole('button', { name: 'Carry out…' }).click()
  const dialog = page.getByRole('dialog')
  const warnings = dialog.getByRole('group', { name: /^\d+ warnings$/ })
  await expect(warnings.locator('code').first()).toBeVisible()
  for (const size of [{ width: 1440, height: 900 }, { width: 1024, height: 700 }]) {
    await page.setViewportSize(size)
    for (const box of [dialog, warnings]) expect(await box.evaluate((it) => it.scrollWidth <= it.clientWidth)).toBe(true)
    expect(await dialog.evaluate((it) => it.scrollTop)).toBe(0)
    const parts = [dialog.getByRole('heading'), dialog.getByText('SIMULATED'), dialog.getByText(/^Deletes /), page.getByLabel('Approver'), dialog.getByRole('button', { name: 'Start' })]
    for (const part of parts) await expect(part).toBeInViewport({ ratio: 1 })
  }
  await look(page, 'watch-execute-warnings')
  await page.setViewportSize({ width: 1440, height: 900 })
  await page.getByRole('button', { name: 'Not now' }).click()
  await page.getByLabel('Theme').selectOption('Dark')
  await page.getByRole('button', { name: 'Carry out…' }).click()
  await look(page, 'watch-execute-warnings-dark')
})

test('a plan is carried out by typing its code, followed, retried and verified', async ({ page, complaints }) => {
  test.setTimeout(180_000)
  const server = await serve(REFUSING)
  await enter(page, server)

  await test.step('the token is gone from the address, and the view says that there are no runs yet', async () => {
    const token = server.url.split('token/')[1] ?? ''
    expect(token.length).toBeGreaterThan(40)
    expect(page.url()).not.toContain(token)
    await expect(page.getByText('No runs yet.').first()).toBeVisible()
    await look(page, 'watch-empty')
  })

  await test.step('a mistyped code starts nothing', async () => {
    await page.getByRole('button', { name: 'Plan', exact: true }).click()
    await load(page, 'A quarter of conversations')
    await page.getByRole('button', { name: 'Carry out…' }).click()
    await expect(page.getByLabel('Type the code')).toBeFocused()
    await page.getByLabel('Type the code').fill('0000-0000')
    await page.getByLabel('Approver').fill('dpo@example.com')
    await page.getByRole('button', { name: 'Start', exact: true }).click()
    await expect(page.getByRole('alert')).toContainText('that is not the plan\'s code; nothing was sent')
    await look(page, 'watch-execute')
    // The browser itself reports the refusal; nothing else went wrong.
    expect(complaints.splice(0)).toEqual([expect.stringContaining('403')])
    await page.getByRole('button', { name: 'Not now' }).click()
  })

  await test.step('the typed code starts the run, and the view follows it', async () => {
    await carryOut(page)
    await expect(page.getByText('live', { exact: true })).toBeVisible()
    await expect(page.getByText('Carried out by this server.')).toBeVisible()
    await expect(page.getByRole('cell', { name: 'the job' }).first()).toBeVisible()
    await look(page, 'watch-live')
  })

  await test.step('a reload during the run shows the same', async () => {
    await page.reload()
    await expect(page.getByRole('heading', { name: 'Q1 2023' })).toBeVisible()
    await expect(page.getByRole('slider', { name: /lanes from/ })).toBeVisible()
  })

  await test.step('a chunk that was refused says why, and is retried', async () => {
    await expect(page.getByText('2 verified · 1 rejected')).toBeVisible({ timeout: 60_000 })
    await expect(page.getByText(/exit code 4/)).toBeVisible()
    await expect(page.getByRole('columnheader', { name: 'Deleted', exact: true })).toBeVisible()
    await page.getByRole('button', { name: 'Needs attention' }).click()
    await expect(page.locator('.states tbody tr')).toHaveCount(1)
    await look(page, 'watch-failed')
    await page.getByRole('button', { name: /^Retry chunk \d$/ }).click()
    await expect(page.getByRole('alertdialog')).toContainText('approval of dpo@example.com')
    const name = page.getByLabel('Your name, for the record')
    await name.fill('ann@example.com')
    await look(page, 'watch-retry')
    await page.getByRole('alertdialog').getByRole('button', { name: 'Retry' }).click()

    // Whoever has said their name need not say it again.
    await expect(page.locator('.states tbody td:nth-child(4)')).toHaveText('2')
    await page.getByRole('button', { name: /^Retry chunk \d$/ }).click({ timeout: 60_000 })
    await expect(name).toHaveValue('ann@example.com')
    await expect(page.getByRole('button', { name: 'Not now' })).toBeFocused()
    await look(page, 'watch-retry-again')
    await page.getByRole('alertdialog').getByRole('button', { name: 'Retry' }).click()
    await page.getByRole('button', { name: 'All', exact: true }).click()
    await expect(page.getByText('Everything was deleted and verified · exit code 0')).toBeVisible({ timeout: 60_000 })
    await expect(page.getByRole('button', { name: 'Retry…' })).toHaveCount(0)
    // Each row has the deletions of all attempts, so the rows add up to the run's total.
    await expect(page.getByRole('columnheader', { name: 'Deleted', exact: true })).toBeVisible()
    const deleted = async (): Promise<number> =>
      (await page.locator('.states tbody td:nth-child(9)').allInnerTexts()).reduce((sum, text) => sum + Number(text.replaceAll(',', '')), 0)
    await expect.poll(deleted).toBe(20_678)
    await look(page, 'watch-verified')
  })

  await test.step('the evidence holds on the page and on the command line', async () => {
    await page.getByRole('button', { name: 'Check it in Evidence' }).click()
    await expect(page.getByText(/^Sound:/)).toBeVisible()
    await expect(page.locator('.checks').getByText('holds', { exact: true })).toHaveCount(9)
    const evidence = join(server.folder, 'data/evidence')
    const run = readdirSync(evidence)[0] ?? ''
    const said = execFileSync(binary, ['verify', join(evidence, run)], { encoding: 'utf8', env: environment })
    expect(said).toContain('the evidence holds: the run is verified')
  })
})

test('a run is cancelled from the page, after a question that says what will happen', async ({ page, complaints }) => {
  const server = await serve(SLOW)
  await enter(page, server)
  await carryOut(page)
  await expect(page.getByRole('cell', { name: 'the job' }).first()).toBeVisible()
  await page.getByRole('button', { name: 'Cancel…' }).click()
  const question = page.getByRole('alertdialog')
  await expect(question).toContainText('3 chunks have not ended')
  await expect(question).toContainText('What has been deleted stays deleted')
  const name = question.getByLabel('Your name, for the record')
  await expect(name).toBeFocused()
  await look(page, 'watch-cancel')
  await page.keyboard.press('Escape')
  await expect(question).toHaveCount(0)
  await page.setViewportSize({ width: 768, height: 1024 })
  await page.emulateMedia({ colorScheme: 'dark', reducedMotion: 'reduce' })
  await page.getByRole('button', { name: 'Cancel…' }).click()
  for (const nobody of ['', '  ']) {
    await name.fill(nobody)
    await question.getByRole('button', { name: 'Cancel the run' }).click()
    await expect(name).toBeFocused()
  }
  // A name that does not read as it is written is refused by the server, and not remembered.
  await name.fill('An\u200bn Example')
  await page.keyboard.press('Enter')
  await expect(question.getByRole('alert')).toContainText('the name has invisible characters')
  await expect(name).toBeFocused()
  expect(complaints.splice(0)).toEqual([expect.stringContaining('400')])
  await look(page, 'watch-cancel-refused')
  await page.keyboard.press('Escape')
  await page.getByRole('button', { name: 'Cancel…' }).click()
  await expect(name).toHaveValue('')
  await expect(question.getByRole('alert')).toHaveCount(0)
  await name.fill('Ann Example')
  await page.keyboard.press('Enter')
  await expect(page.locator('.run .badge')).toHaveText('cancelling')
  await expect(page.getByRole('button', { name: 'Cancel…' })).toHaveCount(0)
  await expect(page.getByText(/^Ann Example, \d/)).toBeVisible()
})

test('when the server is killed, the page says how old its data is, and the run can be resumed later', async ({ page, complaints }) => {
  test.setTimeout(180_000)
  const server = await serve({ dataDeletion: { processingSeconds: 6 } })
  await enter(page, server)
  await carryOut(page)
  await expect(page.getByRole('cell', { name: 'the job' }).first()).toBeVisible()
  server.child.kill('SIGKILL')
  await expect(page.getByText(/reconnecting; as of \d\d:\d\d:\d\d UTC/)).toBeVisible()
  await look(page, 'watch-stale')

  const port = Number(new URL(server.url).port)
  const again = await serve({ dataDeletion: { processingSeconds: 6 } }, server.folder, port)
  await expect(page.getByText('The server does not know this page')).toBeVisible({ timeout: 30_000 })
  await look(page, 'watch-locked')
  // The browser itself reports that the server was gone, and that the new one refuses the old token.
  expect(complaints.splice(0).filter((text) => !/ERR_CONNECTION_RE(FUSED|SET)|ERR_EMPTY_RESPONSE|ERR_INCOMPLETE_CHUNKED|401/.test(text))).toEqual([])

  // The tab is already open, so only the part after # changes.
  await page.getByRole('button', { name: 'Plan', exact: true }).click()
  await enter(page, again)
  await expect(page.getByRole('button', { name: 'Watch', exact: true })).toHaveAttribute('aria-current', 'page')
  expect(page.url()).not.toContain('token')
  await expect(page.getByText('No process is carrying it out.')).toBeVisible()
  // Another request may have been under way when the first was refused.
  expect(complaints.splice(0).filter((text) => !text.includes('401'))).toEqual([])
  await look(page, 'watch-stopped')
  await page.getByRole('button', { name: 'Resume…' }).click()
  await page.getByRole('alertdialog').getByRole('button', { name: 'Resume' }).click()
  await expect(page.getByText('Everything was deleted and verified · exit code 0')).toBeVisible({ timeout: 60_000 })
  await expect(page.getByRole('definition').filter({ hasText: /^3$/ })).toHaveCount(1)
})

test('only the selected run is requested, and only while it is shown', async ({ page }) => {
  const server = await serve({ dataDeletion: { processingSeconds: 120 } })
  await enter(page, server)
  for (const name of ['Q1 2023', 'another']) {
    await page.getByRole('button', { name: 'Plan', exact: true }).click()
    await page.getByLabel('Name', { exact: true }).fill(name)
    await page.getByRole('button', { name: 'Carry out…' }).click()
    await page.getByLabel('Type the code').fill((await page.getByRole('dialog').locator('.digest').textContent()) ?? '')
    await page.getByLabel('Approver').fill('dpo@example.com')
    await page.getByRole('button', { name: 'Start', exact: true }).click()
    await expect(page.getByRole('heading', { name, exact: true })).toBeVisible()
  }
  const asked: string[] = []
  page.on('request', (request) => request.url().endsWith('/sums') && asked.push(request.url()))
  const list = page.locator('.runs li button')
  for (const place of [1, 0, 1, 0, 1, 0]) {
    await list.nth(place).click()
    await expect(list.nth(place)).toHaveAttribute('aria-current', 'true')
    await expect.poll(() => asked.length).toBeGreaterThan(0)
    asked.splice(0)
  }
  await page.waitForTimeout(4000)
  expect(new Set(asked).size).toBe(1)
  expect(asked.length).toBeLessThan(6)
  await page.getByRole('button', { name: 'Plan', exact: true }).click()
  await page.waitForTimeout(1500)
  asked.splice(0)
  await page.waitForTimeout(2500)
  expect(asked).toEqual([])
  await page.getByRole('button', { name: 'Watch', exact: true }).click()
  await expect.poll(() => asked.length).toBeGreaterThan(0)
})

test('a plan is carried out and watched by keyboard alone', async ({ page }) => {
  const server = await serve({ dataDeletion: { processingSeconds: 1 } })
  await enter(page, server)
  await page.keyboard.press('1')
  await page.getByRole('button', { name: 'Carry out…' }).focus()
  await page.keyboard.press('Enter')
  const code = (await page.getByRole('dialog').locator('.digest').textContent()) ?? ''
  await page.keyboard.type(code)
  await page.keyboard.press('Tab')
  await page.keyboard.type('dpo@example.com')
  await page.keyboard.press('Enter')
  await expect(page.getByText('Everything was deleted and verified')).toBeVisible({ timeout: 60_000 })
  await expect(page.getByRole('status').filter({ hasText: 'The run has ended.' })).toBeVisible()
  await page.getByRole('button', { name: 'Under way' }).focus()
  await page.keyboard.press('Space')
  await expect(page.getByText('No chunk is under way.')).toBeVisible()
})

test('sums that were being fetched when the run ended are fetched again', async ({ page }) => {
  const server = await serve({ dataDeletion: { processingSeconds: 1 } })
  await enter(page, server)
  let late = true
  await page.route('**/sums', async (route) => {
    if (!late) return route.continue()
    late = false
    const response = await route.fetch()
    await page.getByText('The run has ended.').waitFor({ state: 'attached' })
    await route.fulfill({ response })
  })
  await carryOut(page)
  await expect(page.getByText('The run has ended.')).toBeVisible({ timeout: 60_000 })
  await expect(page.getByText('Everything was deleted and verified · exit code 0')).toBeVisible({ timeout: 20_000 })
})

for (const theme of ['Light', 'Dark'] as const) {
  test(`Watch is accessible during a run, ${theme.toLowerCase()}, and on a tablet`, async ({ page }) => {
    const server = await serve({ dataDeletion: { processingSeconds: 20 }, faults: [{ on: 'count', nth: [2], do: { kind: 'rateLimited', retryAfter: '20' } }] })
    await enter(page, server)
    await page.getByLabel('Theme').selectOption(theme)
    await carryOut(page)
    await expect(page.getByText('the pause of 20 s that the server asked for')).toBeVisible()
    await expect(page.getByRole('cell', { name: /^in \d+ s$/ }).first()).toBeVisible()
    await look(page, `watch-${theme.toLowerCase()}`)
    await page.setViewportSize({ width: 820, height: 1180 })
    await accessible(page)
    expect(await page.locator('.watch .main').evaluate((main) => main.scrollWidth <= main.clientWidth)).toBe(true)
    await look(page, `watch-tablet-${theme.toLowerCase()}`)
  })
}

test('at 768 pixels the state of a chunk is visible without scrolling', async ({ page }) => {
  await page.setViewportSize({ width: 768, height: 1024 })
  const server = await serve({ dataDeletion: { processingSeconds: 60 } })
  await enter(page, server)
  await carryOut(page)
  const state = page.locator('.states tbody tr').first().locator('.mark')
  await expect(state).toHaveText('deleting')
  await state.scrollIntoViewIfNeeded()
  await expect.poll(() => page.locator('.states .scroll').evaluate((box) => box.scrollLeft)).toBe(0)
  await expect(state).toBeInViewport({ ratio: 1 })
  await look(page, 'watch-768')
})

test('a plan is carried out from the command palette, only where a server does it and there is a plan', async ({ page }) => {
  const server = await serve({})
  await enter(page, server)
  const offered = async (view: string): Promise<void> => {
    await page.getByRole('button', { name: view, exact: true }).click()
    await page.getByRole('main').focus()
    await page.keyboard.press('Control+k')
    await page.getByLabel('Type to find a command').fill('carry')
  }
  const command = page.getByRole('option', { name: 'Carry out…' })
  // Beside a run it would seem to be about that run.
  await offered('Watch')
  await expect(page.getByText('No such command.')).toBeVisible()
  await page.keyboard.press('Escape')
  await offered('Plan')
  await expect(command).toBeVisible()
  await page.keyboard.press('Enter')
  await expect(page.getByRole('dialog', { name: 'Carry out this plan' })).toContainText('SIMULATED')
  await expect(page.getByLabel('Type the code')).toBeFocused()
  await page.keyboard.press('Escape')
  await page.getByLabel('Reason').fill('')
  await expect(page.getByText('There is no plan yet')).toBeVisible()
  await offered('Plan')
  await expect(page.getByText('No such command.')).toBeVisible()
  await page.keyboard.press('Escape')
})

test('without a server, Watch says how to start one', async ({ page }) => {
  await page.goto('/')
  await page.getByRole('button', { name: 'Watch', exact: true }).click()
  await expect(page.getByText('genesys-purge serve', { exact: true })).toBeVisible()
  await expect(page.getByRole('button', { name: 'Carry out…' })).toHaveCount(0)
  await look(page, 'watch-not-served')
})

test('a server’s page opened without the token asks for it', async ({ page, complaints }) => {
  const server = await serve({})
  await page.goto(new URL('/', server.url).href)
  await page.getByRole('button', { name: 'Watch', exact: true }).click()
  await expect(page.getByRole('heading', { name: 'The server does not know this page' })).toBeVisible()
  await expect(page.getByText('Open the address that the server printed')).toBeVisible()
  await look(page, 'watch-tokenless')
  // The browser itself reports this.
  expect(complaints.splice(0)).toEqual([expect.stringContaining('401')])
  await page.goto(server.url)
  await expect(page.getByText('No runs yet.').first()).toBeVisible()
})

test('text from a ledger is never treated as markup', async ({ page }) => {
  const server = await serve({ dataDeletion: { processingSeconds: 1 } })
  await enter(page, server)
  await page.getByRole('button', { name: 'Plan', exact: true }).click()
  await page.getByLabel('Name', { exact: true }).fill('<img src=x onerror=alert(1)>')
  await page.getByRole('button', { name: 'Carry out…' }).click()
  const code = (await page.getByRole('dialog').locator('.digest').textContent()) ?? ''
  await page.getByLabel('Type the code').fill(code)
  await page.getByLabel('Approver').fill('<b>dpo</b>')
  await page.getByRole('button', { name: 'Start', exact: true }).click()
  await expect(page.getByRole('heading', { name: '<img src=x onerror=alert(1)>' })).toBeVisible()
  await expect(page.locator('main img, main b')).toHaveCount(0)
  await expect(page.getByText('<b>dpo</b>')).toBeVisible()
})

test('a wait for a job slot says which chunks hold the slots', async ({ page }) => {
  const server = await serve({ recordingJobs: { processingSeconds: 60 } })
  await enter(page, server)
  await page.getByRole('button', { name: 'Plan', exact: true }).click()
  const start = async (): Promise<void> => {
    await page.getByRole('button', { name: 'Carry out…' }).click()
    const code = (await page.getByRole('dialog').locator('.digest').textContent()) ?? ''
    await page.getByLabel('Type the code').fill(code)
    await page.getByLabel('Approver').fill('dpo@example.com')
    await page.getByRole('button', { name: 'Start', exact: true }).click()
  }
  await load(page, 'A year of recordings')
  await start()
  await expect(page.getByRole('cell', { name: 'the job' })).toHaveCount(2)
  await page.getByRole('button', { name: 'Plan', exact: true }).click()
  await page.getByLabel('Name', { exact: true }).fill('The same again')
  await start()
  await expect(page.getByRole('heading', { name: 'The same again' })).toBeVisible()
  await expect(page.getByRole('cell', { name: /^one of 2 job slots, held by chunks \d+ and \d+ of Recordings of 2023$/ }).first()).toBeVisible()
  await expect(page.getByRole('cell', { name: /^in \d+ s$/ }).first()).toBeVisible()
  await look(page, 'watch-slots')
})
