// The rehearsal: events triggered during it show on the lanes, in the states, in the report and in the log.
import { readFileSync } from 'node:fs'
import { expect, load, longRehearsal, look, open, painted, test, type Page } from './page'

async function begin(page: Page): Promise<void> {
  await longRehearsal(page)
  await page.getByRole('button', { name: 'Start', exact: true }).click()
  await page.clock.runFor(200)
  await page.getByRole('button', { name: 'Pause' }).click()
}

test('a fault dropped on the lanes happens once, at its time', async ({ page }) => {
  await begin(page)
  await page.getByRole('button', { name: 'Rate limit', exact: true }).dragTo(page.locator('.gantt canvas'), { targetPosition: { x: 1000, y: 80 } })
  await expect(page.getByText('0 of 13 ended')).toBeVisible()
  await expect(page.getByText(/^Rate limit: at \d\d:\d\d:\d\d\.$/)).toBeVisible()
  await page.clock.resume()
  await page.getByRole('button', { name: 'To the end' }).click()
  await expect(page.getByText(/deleted and verified · exit code 0/)).toBeVisible()
  await expect(page.locator('.audit li').filter({ hasText: 'waiting' }).first()).toBeVisible()
  const saved = page.waitForEvent('download')
  await page.getByRole('button', { name: 'Save the log' }).click()
  expect(readFileSync(await (await saved).path(), 'utf8').match(/"http_status":429/g)).toHaveLength(1)
  await look(page, 'rehearse-dropped')
})

test('an event has the time chosen last, whether or not the page has shown it yet', async ({ page }) => {
  await begin(page)
  await page.getByLabel('Event time').evaluate((field: HTMLInputElement) => {
    // All at once, as on a machine too busy to paint in between.
    const chip = [...document.querySelectorAll<HTMLElement>('.palette .chip')].find(({ textContent }) => textContent === 'Server error')
    for (const time of ['+10:00', '+3:00']) {
      field.value = time
      field.dispatchEvent(new Event('input', { bubbles: true }))
      field.dispatchEvent(new Event('change', { bubbles: true }))
      chip?.click()
    }
  })
  await expect(page.getByRole('list', { name: 'Upcoming events' }).getByRole('listitem')).toHaveText([/, in 3 min/, /, in 10 min/])
})

test('text typed during play stays, an invalid hold is not placed, and the speed shown is the real one', async ({ page }) => {
  await longRehearsal(page)
  await page.getByRole('button', { name: 'Start', exact: true }).click()
  await page.clock.resume()
  for (const [label, text] of [['Hold from', '10.02.2023'], ['Job duration, seconds', '3600'], ['Event time', '+30:00']] as const) {
    const field = page.getByLabel(label)
    await field.focus()
    await page.keyboard.press('Control+A')
    await page.keyboard.type(text, { delay: 40 })
    await expect(field).toHaveValue(text)
    await page.keyboard.press('Tab')
    await expect(field).toHaveValue(label === 'Event time' ? /^\d\d:\d\d:\d\d$/ : text)
  }
  await page.getByRole('button', { name: 'now', exact: true }).click()
  await page.getByRole('button', { name: 'Pause' }).click()
  await page.getByRole('button', { name: 'Legal hold' }).click()
  await expect(page.getByRole('alert')).toContainText('10.02.2023')
  await expect(page.getByText(/^Hold placed/)).toHaveCount(0)

  const speed = page.getByLabel('Speed')
  await speed.selectOption('×3600')
  await page.getByRole('button', { name: 'Start again' }).click()
  await expect(page.getByRole('button', { name: 'Pause' })).toBeVisible()
  await expect(speed).toHaveValue('3600')
  await expect(page.locator('.clock')).toContainText(/\(\+\d+ h/, { timeout: 10_000 })
  await page.getByRole('button', { name: 'Pause' }).click()

  await page.getByRole('button', { name: 'Plan', exact: true }).click()
  const code = await page.locator('.says .digest').innerText()
  await page.getByLabel('Name', { exact: true }).fill('something else')
  await page.getByRole('button', { name: 'Rehearse', exact: true }).click()
  await expect(page.getByText(`This is the rehearsal of ${code}.`)).toBeVisible()
  const saved = page.waitForEvent('download')
  await page.getByRole('button', { name: 'Save the log' }).click()
  expect((await saved).suggestedFilename()).toBe('q1-2023.audit.jsonl')
  await look(page, 'rehearse-another')
})

test('looking back shows the states and the log at that time', async ({ page }) => {
  await begin(page)
  await page.clock.resume()
  await page.getByRole('button', { name: 'To the end' }).click()
  await expect(page.getByText(/deleted and verified · exit code 0/)).toBeVisible()
  const marks = page.locator('.states .mark')
  await expect(marks).toHaveText(Array(13).fill('verified'))
  const before = await page.locator('.audit li').count()
  await page.getByLabel('Look back').focus()
  await page.keyboard.press('Home')
  await page.keyboard.press('PageUp')
  await expect(marks.first()).not.toHaveText('verified')
  await expect.poll(() => page.locator('.audit li').count()).toBeLessThan(before)
  // Everything shown beside the clock is of the same time.
  const clock = page.locator('.clock')
  const ended = await page.locator('.states tr.verified').count()
  await expect(clock).toContainText(`${ended} of 13 ended`)
  const [, at = '', since = ''] = /(\d\d:\d\d:\d\d) \(\+(.*?)\)/.exec(await clock.innerText()) ?? []
  await page.keyboard.press('Home')
  await expect(clock).toContainText('(+0 d) · 0 of 13 ended')
  const [, first = ''] = /(\d\d:\d\d:\d\d)/.exec(await clock.innerText()) ?? []
  const seconds = (text: string): number => text.split(':').reduce((sum, one) => 60 * sum + Number(one), 0)
  const units: Record<string, number> = { h: 3600, min: 60, s: 1 }
  const told = [...since.matchAll(/(\d+) (h|min|s)/g)].reduce((sum, [, n, unit]) => sum + Number(n) * (units[unit ?? ''] ?? 0), 0)
  // The length is in its two largest units, so seconds are missing beside hours.
  expect(Math.abs(seconds(at) - seconds(first) - told)).toBeLessThan(62)
  await expect(page.getByRole('heading', { name: /^Audit log \(\d+\)$/ })).toHaveText(`Audit log (${await page.locator('.audit li').count()})`)
  await look(page, 'rehearse-past')
  await page.keyboard.press('End')
  await expect(marks).toHaveText(Array(13).fill('verified'))
})

test('a long run to the end can be paused and continued', async ({ page }) => {
  await page.goto('/')
  await page.getByLabel('Unit').selectOption('hours')
  await page.getByLabel('Chunk length').fill('1')
  await expect(page.getByText('2,160 rows')).toBeVisible()
  await page.getByRole('button', { name: 'Rehearse', exact: true }).click()
  await page.getByRole('button', { name: 'Start', exact: true }).click()
  await page.getByRole('button', { name: 'To the end' }).click()
  await page.getByRole('button', { name: 'Pause' }).click()
  await expect(page.getByRole('button', { name: 'Play' })).toBeVisible()
  const then = await page.locator('.clock').innerText()
  expect(Number(/(\d+) of 2,160 ended/.exec(then.replace(/(\d),(\d+ of)/, '$1$2'))?.[1])).toBeLessThan(2160)
  await page.waitForTimeout(300)
  expect(await page.locator('.clock').innerText()).toBe(then)
  await page.getByRole('button', { name: 'To the end' }).click()
  // A run that is started again leaves nothing of the earlier one going on.
  await page.getByRole('button', { name: 'Start again' }).click()
  // A picture takes longer than a turn of the run, so many turns share one.
  await page.evaluate(() => {
    const counts = { turns: 0, pictures: 0 }
    const { setTimeout: later } = window
    const { clearRect } = CanvasRenderingContext2D.prototype
    window.setTimeout = ((...given: Parameters<typeof later>) => {
      counts.turns += 1
      return later(...given)
    }) as typeof later
    CanvasRenderingContext2D.prototype.clearRect = function (...given) {
      counts.pictures += 1
      clearRect.apply(this, given)
    }
    Object.assign(window, { counts })
    // Until then every frame has a picture and no turn.
    addEventListener('click', () => Object.assign(counts, { turns: 0, pictures: 0 }), { capture: true, once: true })
  })
  await page.getByRole('button', { name: 'To the end' }).click()
  await expect(page.getByText(/exit code 0/)).toBeVisible({ timeout: 60_000 })
  const { turns, pictures } = await page.evaluate(() => (window as unknown as { counts: { turns: number; pictures: number } }).counts)
  expect(pictures).toBeGreaterThan(2)
  expect(pictures).toBeLessThan(turns / 6)
  await expect(page.locator('.states tbody td:first-child')).toHaveText(Array.from({ length: 120 }, (_, place) => String(2160 - place)))

  // What is not kept of so long a run is said to be missing.
  await page.getByLabel('Look back').focus()
  await page.keyboard.press('Home')
  await expect(page.locator('.clock')).toContainText('0 of 2,160 ended')
  await expect(page.getByRole('note').filter({ hasText: 'The past is not kept for so many chunks' })).toBeVisible()
  await expect(page.locator('.audit')).toContainText('Earlier records are no longer shown here')
  await expect(page.getByRole('heading', { name: 'Audit log', exact: true })).toBeVisible()
  await look(page, 'rehearse-past-gone')
  await page.keyboard.press('End')
  await expect(page.getByText('for so many chunks')).toHaveCount(0)
  await expect(page.getByText('Earlier records are')).toHaveCount(0)
})

test('a chunk that is retrying says what went wrong', async ({ page }) => {
  await begin(page)
  await page.getByRole('button', { name: 'Server error' }).click()
  const again = page.locator('.states tbody tr').filter({ hasText: /a retry after 1 failure: \w/ })
  await expect(async () => {
    await page.getByRole('button', { name: 'Step' }).click()
    await expect(again).toHaveCount(1, { timeout: 100 })
  }).toPass()
})

test('leftovers are shown as prominently as deletions', async ({ page }) => {
  await begin(page)
  await page.getByRole('button', { name: 'Leftovers' }).click()
  await page.clock.resume()
  await page.getByRole('button', { name: 'To the end' }).click()
  await expect(page.getByText(/exit code 5/)).toBeVisible({ timeout: 30_000 })
  await expect(marksOf(page, 'residual')).toHaveCount(1)
  const column = await page.locator('.states thead th').allInnerTexts().then((heads) => heads.indexOf('Left'))
  await expect(page.locator('.states tr.residual td').nth(column)).toHaveText('3')
  await expect(page.locator('.states tr.verified').first().locator('td').nth(column)).toHaveText('0')
  const report = page.getByRole('region', { name: 'Report' })
  const fact = (name: string) => report.locator(`dt:text-is("${name}") + dd`)
  await expect(fact('Records left')).toHaveText('3')
  await expect(fact('Records deleted')).toHaveText(/^[\d,]+$/)
  await expect(fact('Tenant')).toContainText('SIMULATED')
  await expect(fact('Plan')).toHaveText(/^sha256:/)
  await expect(report).toContainText('90 d requested = 90 d in chunks')
  await expect(report).toContainText('Something is left over')
  await look(page, 'rehearse-leftovers')
})

test('recordings that the platform keeps on hold are not called deleted', async ({ page }) => {
  await open(page)
  await load(page, 'A year of recordings')
  await page.getByRole('region', { name: 'Policy' }).getByRole('button', { name: 'Remove', exact: true }).first().click()
  await page.getByRole('button', { name: 'Rehearse', exact: true }).click()
  await page.getByLabel('Job duration, seconds').fill('3600')
  await page.getByRole('button', { name: 'Start', exact: true }).click()
  await expect(page.getByRole('button', { name: 'Pause' })).toBeVisible()
  await page.clock.runFor(500)
  await page.getByRole('button', { name: 'Pause' }).click()
  await expect(page.locator('.states tbody tr').filter({ hasText: 'the job' })).toHaveCount(2)
  // Three days of the first chunk, already in the list of its job.
  for (const [label, day] of [['Hold from', '2023-01-02'], ['to', '2023-01-05']] as const) {
    await page.getByRole('textbox', { name: label, exact: true }).fill(day)
    await page.keyboard.press('Tab')
  }
  await page.getByRole('button', { name: 'Legal hold' }).click()
  await page.clock.resume()
  await page.getByRole('button', { name: 'To the end' }).click()
  await expect(page.getByText(/^Everything that may be deleted was deleted and verified; \d+ recordings are kept by the platform’s legal hold · exit code 0$/)).toBeVisible({ timeout: 60_000 })
  await expect(page.getByText('Everything was deleted')).toHaveCount(0)
  const column = await page.locator('.states thead th').allInnerTexts().then((heads) => heads.indexOf('On legal hold'))
  const first = page.locator('.states tbody tr').last().locator('td')
  const sum = page.getByRole('region', { name: 'Report' }).locator('dt:text-is("Recordings on legal hold") + dd')
  await expect(sum).toHaveText(/^\d+$/)
  await expect(first.nth(column)).toHaveText(await sum.innerText())
  await look(page, 'rehearse-protected')
})

test('waits of several days show dates in the table, in the log and on the lanes', async ({ page }) => {
  await page.addInitScript(() => {
    const written: string[] = []
    const { fillText } = CanvasRenderingContext2D.prototype
    CanvasRenderingContext2D.prototype.fillText = function (...given) {
      written.push(given[0])
      fillText.apply(this, given)
    }
    Object.assign(window, { written })
  })
  await open(page)
  await load(page, 'A year of recordings')
  await page.getByLabel('Cool-off, days').fill('7')
  // Without the policy, whose holds would stop the run.
  await page.getByRole('region', { name: 'Policy' }).getByRole('button', { name: 'Remove', exact: true }).first().click()
  await page.getByRole('button', { name: 'Rehearse', exact: true }).click()
  await page.getByRole('button', { name: 'Start', exact: true }).click()
  await page.getByRole('button', { name: 'Pause' }).click()
  const waits = page.locator('.states tbody tr').filter({ hasText: 'the cool-off' }).first()
  await expect(async () => {
    // One step too many would skip the seven days.
    if ((await waits.count()) === 0) await page.getByRole('button', { name: 'Step' }).click()
    await painted(page)
    expect(await waits.count()).toBe(1)
  }).toPass({ intervals: [50] })
  await expect(waits.getByRole('cell').nth(3)).toHaveText(/^2026-11-30 12:\d\d:\d\d\s*$/)
  await expect(page.locator('.audit time').first()).toHaveText(/^12:\d\d:\d\d$/)
  await page.clock.resume()
  await page.getByRole('button', { name: 'To the end' }).click()
  await expect(page.getByText(/exit code 0/)).toBeVisible({ timeout: 60_000 })
  await expect(page.locator('.clock')).toContainText(/20\d\d-\d\d-\d\d \d\d:\d\d:\d\d \(\+/)
  await page.getByRole('button', { name: 'Fit' }).click()
  const written = await page.evaluate(() => (window as unknown as { written: string[] }).written.slice(-60))
  expect(written).not.toContain('00:00:00')
  expect(written.filter((text) => /^20\d\d-\d\d-\d\d$/.test(text)).length).toBeGreaterThan(1)
  await look(page, 'rehearse-days')
  await page.getByLabel('Look back').focus()
  for (const key of ['Home', 'PageUp']) await page.keyboard.press(key)
  const dated = page.locator('.audit time').filter({ hasText: /^2026-11-23 12:\d\d:\d\d$/ })
  await expect(dated.first()).toBeVisible()
  await look(page, 'rehearse-days-past')
})

test('in the example of a held conversation, only the chunk that would delete it stops', async ({ page }) => {
  await open(page)
  await load(page, 'A conversation on hold')
  await page.getByRole('button', { name: 'Rehearse', exact: true }).click()
  await page.getByRole('button', { name: 'Start', exact: true }).click()
  await page.getByRole('button', { name: 'To the end' }).click()
  await expect(page.getByText(/exit code 4/)).toBeVisible({ timeout: 30_000 })
  await expect(marksOf(page, 'verified')).toHaveCount(12)
  const stopped = page.locator('.states tbody tr').filter({ has: page.locator('.mark', { hasText: 'held' }) })
  await expect(stopped).toHaveCount(1)
  await expect(stopped).toContainText('the window touches conversations that a hold or a retention rule keeps')
  // The seventh week contains 14 February. Nothing was submitted for it.
  await expect(stopped.getByRole('cell')).toContainText(['7', 'held', '', '', '0'])
  await look(page, 'rehearse-held')
})

const marksOf = (page: Page, word: string) => page.locator('.states .mark').filter({ hasText: word })
