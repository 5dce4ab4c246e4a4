// Every view in both themes: accessible, and photographed for people to look at. Also widths, forced colours and paper.
import { mkdirSync, writeFileSync } from 'node:fs'
import { accessible, expect, load, look, open, openPolicy, painted, shot, test, type Locator, type Page } from './page'

async function go(page: Page, view: string): Promise<void> {
  await page.getByRole('button', { name: view, exact: true }).click()
  await painted(page)
}

for (const theme of ['Light', 'Dark'] as const) {
  test(`every view, ${theme.toLowerCase()}`, async ({ page }) => {
    await open(page)
    await page.getByLabel('Theme').selectOption(theme)
    const name = (view: string): string => `${view}-${theme.toLowerCase()}`

    await load(page, 'Messages with holds and retention')
    await page.getByRole('grid').press('Home')
    await look(page, name('plan'))
    for (const [tab, file] of [['Queue message', 'message'], ['Why', 'why'], ['Totals', 'totals'], ['Hand over', 'hand-over']] as const) {
      await page.getByRole('button', { name: tab }).click()
      await (file === 'why' || file === 'message' ? shot : look)(page, name(`plan-${file}`))
    }

    for (const [keys, file] of [['Control+k', 'palette'], ['?', 'keys']] as const) {
      await page.getByRole('main').focus()
      await page.keyboard.press(keys)
      await (file === 'keys' ? shot : look)(page, name(file))
      await page.keyboard.press('Escape')
    }
    await page.getByLabel('Start from').selectOption('drafts')
    await shot(page, name('drafts'))
    await page.keyboard.press('Escape')

    await go(page, 'Compare')
    await look(page, name('compare-empty'))
    await page.getByRole('button', { name: 'Pin this plan' }).click()
    await go(page, 'Plan')
    await page.getByLabel('Chunk length').fill('10')
    await go(page, 'Compare')
    await expect(page.getByRole('status').filter({ hasText: 'unchanged' })).toBeVisible()
    await look(page, name('compare'))

    await go(page, 'Rehearse')
    await look(page, name('rehearse-empty'))
    await page.getByLabel('Every 5th call is rate limited').check()
    // Long enough not to end before the button is pressed.
    await page.getByLabel('Job duration, seconds').fill('3600')
    await page.getByLabel('Job duration, seconds').blur()
    await page.getByRole('button', { name: 'Start', exact: true }).click()
    await page.getByRole('button', { name: 'To the end' }).click()
    await expect(page.getByText(/exit code/)).toBeVisible()
    await look(page, name('rehearse'))

    await go(page, 'Evidence')
    await look(page, name('evidence-empty'))
    await go(page, 'Rehearse')
    await page.getByRole('button', { name: 'Check it in Evidence' }).click()
    await expect(page.getByText(/^Sound:/)).toBeVisible()
    await look(page, name('evidence'))
  })
}

test('a broken request shows all its findings at once', async ({ page }) => {
  await open(page)
  await page.getByLabel('From (UTC)').fill('2023-13-01')
  await page.getByLabel('To, not included (UTC)').fill('soon')
  await page.getByLabel('Reason').fill('')
  await expect(page.locator('.findings li.error')).not.toHaveCount(0)
  await look(page, 'broken')
})

for (const width of [768, 1024]) {
  test(`nothing is cut off at ${width} pixels`, async ({ page }) => {
    await page.setViewportSize({ width, height: 1024 })
    await open(page)
    await load(page, 'Messages with holds and retention')
    for (const view of ['Plan', 'Compare', 'Rehearse', 'Watch', 'Evidence']) {
      await go(page, view)
      if (view === 'Compare') await page.getByRole('button', { name: 'Pin this plan' }).click()
      if (view === 'Rehearse') {
        await page.getByRole('button', { name: 'Start', exact: true }).click()
        await page.getByRole('button', { name: 'To the end' }).click()
        await expect(page.getByText(/exit code/)).toBeVisible()
      }
      const wide = await page.evaluate(() => {
        // Tables and code scroll on their own; nothing around them does.
        const around = [...document.querySelectorAll('html, main, main > *, .main, .main > section, .side')]
        return around.filter((element) => element.scrollWidth > element.clientWidth + 1).map((element) => element.className || element.tagName)
      })
      expect(wide, view).toEqual([])
      // On screens wider than a phone, a part's state and reason are visible without scrolling.
      if (view === 'Plan' && width >= 1024) expect(await page.locator('.table').evaluate((table) => table.scrollWidth - table.clientWidth)).toBeLessThanOrEqual(0)
      await shot(page, `${view.toLowerCase()}-${width}`)
    }
  })
}

test('at 768 pixels the state of a part is visible without scrolling', async ({ page }) => {
  await page.setViewportSize({ width: 768, height: 1024 })
  await open(page)
  await load(page, 'Messages with holds and retention')
  await page.getByRole('grid').press('End')
  const row = page.getByRole('row', { selected: true })
  await expect(row.getByRole('gridcell', { name: 'retained', exact: true })).toBeInViewport({ ratio: 1 })
})

for (const [width, height] of [[640, 360], [320, 256]] as const) {
  test(`everything can be reached at ${width} by ${height}`, async ({ page }) => {
    await page.setViewportSize({ width, height })
    await open(page)
    await load(page, 'Messages with holds and retention')
    for (const view of ['Plan', 'Rehearse', 'Evidence']) {
      await go(page, view)
      // A view's code is fetched when the view is first shown.
      await expect(page.locator(`main .${view.toLowerCase()} h2`).first()).toBeVisible()
      await shot(page, `${view.toLowerCase()}-${width}x${height}`)
      // They follow each other without overlapping, and are as high as their contents.
      const boxes = await page.evaluate(() => ['.top', '.says', 'main', '.bottom'].map((name) => {
        const { top, bottom } = document.querySelector(name)!.getBoundingClientRect()
        return [top, bottom] as const
      }))
      for (const [place, [top]] of boxes.entries()) expect(top, view).toBeGreaterThanOrEqual((boxes[place - 1]?.[1] ?? top) - 1)
      expect(boxes[2]![1] - boxes[2]![0], view).toBeGreaterThan(height - 60)
      expect(await page.evaluate(() => document.documentElement.scrollWidth), view).toBeLessThanOrEqual(width)
    }
    await go(page, 'Plan')
    // The wheel scrolls even over the timeline; with Ctrl it zooms.
    const timeline = page.getByRole('slider', { name: /^Timeline/ })
    await timeline.scrollIntoViewIfNeeded()
    await timeline.hover()
    const [scrolled, readout] = [await page.evaluate(() => scrollY), page.locator('.readout')]
    await page.mouse.wheel(0, 40)
    await expect.poll(() => page.evaluate(() => scrollY)).toBeGreaterThan(scrolled)
    await timeline.hover()
    await page.keyboard.down('Control')
    await page.mouse.wheel(0, -400)
    await page.keyboard.up('Control')
    await page.mouse.move(1, 1)
    await expect(readout).not.toHaveText('2022-10-01 to 2024-01-01 UTC, 457 d')
    await page.getByRole('row', { name: /^3 2022-10-29/ }).click()
    await page.locator('#export-plan').scrollIntoViewIfNeeded()
    await expect(page.locator('#export-plan')).toBeInViewport()
    await accessible(page)
  })
}

/** How many colour changes there are along a horizontal line at a third of the canvas's height. */
const colourChanges = (page: Page, canvas: string): Promise<number> => page.locator(canvas).evaluate((element) => {
  const { width, height } = element as HTMLCanvasElement
  const { data } = (element as HTMLCanvasElement).getContext('2d')!.getImageData(0, Math.floor(height / 3), width, 1)
  return Array.from({ length: width }, (_, x) => [...data.slice(4 * x, 4 * x + 3)].join()).filter((pixel, x, all) => x > 0 && pixel !== all[x - 1]).length
})

test('the page works with forced colours and reduced motion', async ({ page }) => {
  await page.emulateMedia({ forcedColors: 'active', reducedMotion: 'reduce' })
  await open(page)
  await load(page, 'Messages with holds and retention')
  await page.getByRole('grid').press('Home')
  await look(page, 'plan-forced')
  const moving = await page.evaluate(() => [...document.querySelectorAll('*')].filter((element) => {
    const { transitionDuration, animationName } = getComputedStyle(element)
    return transitionDuration.split(',').some((text) => parseFloat(text) > 0) || animationName !== 'none'
  }).length)
  expect(moving).toBe(0)
  // Chunks are told apart by their edges, two per chunk.
  await load(page, 'A quarter of conversations')
  await page.getByRole('grid').press('Home')
  await expect.poll(() => colourChanges(page, '.timeline canvas')).toBeGreaterThanOrEqual(6)
  await go(page, 'Rehearse')
  await page.getByRole('button', { name: 'Start', exact: true }).click()
  await page.getByRole('button', { name: 'To the end' }).click()
  await expect(page.getByText(/exit code/)).toBeVisible()
  await look(page, 'rehearse-forced')
})

test('the accessibility tree is as expected', async ({ page }) => {
  await open(page)
  await load(page, 'A quarter of conversations')
  await expect(page.getByRole('navigation')).toMatchAriaSnapshot(`
    - navigation "genesys-purge":
      - button "Plan"
      - button "Compare"
      - button "Rehearse"
      - button "Watch"
      - button "Evidence"
  `)
  await expect(page.locator('section.timeline')).toMatchAriaSnapshot(`
    - region "Timeline":
      - heading "Timeline" [level=2]
      - list:
        - listitem: chunk
        - listitem: held
        - listitem: retained
        - listitem: too recent
        - listitem: refused
      - slider "Timeline of 3 parts from 2023-01-01 to 2023-04-01"
  `)
  await expect(page.getByRole('grid')).toMatchAriaSnapshot(`
    - grid "Chunks and what is kept":
      - rowgroup:
        - row "# Start (UTC) End, not included Length Calls State Why":
          - columnheader "#"
          - columnheader "Start (UTC)":
            - button "Start (UTC)"
          - columnheader "End, not included":
            - button "End, not included"
          - columnheader "Length":
            - button "Length"
          - columnheader "Calls":
            - button "Calls"
          - columnheader "State":
            - button "State"
          - columnheader "Why"
      - rowgroup:
        - row "1 2023-01-01 2023-01-31 30 d ~22 chunk"
        - row "2 2023-01-31 2023-03-02 30 d ~22 chunk"
        - row "3 2023-03-02 2023-04-01 30 d ~22 chunk"
  `)
  await accessible(page)
})

test('the sheet for sign-off is printed with its code, its findings and a place to sign', async ({ page }) => {
  await open(page)
  await load(page, 'Messages with holds and retention')
  const code = await page.locator('.says .digest').innerText()
  await page.evaluate(() => {
    addEventListener('afterprint', () => Object.assign(window, { printed: document.querySelector('.sheet') }))
    dispatchEvent(new Event('beforeprint'))
  })
  await page.emulateMedia({ media: 'print' })
  await expect(page.locator('.sheet')).toBeVisible()
  await expect(page.locator('.sheet')).toContainText(code)
  await expect(page.locator('.sheet')).toContainText('Approved by')
  await expect(page.locator('.top')).toBeHidden()
  expect(await page.title()).toBe(`Messages, autumn 2022 to the end of 2023 · Plan for sign-off ${code} · genesys-purge`)
  const folder = new URL('results/shots/', import.meta.url).pathname
  mkdirSync(folder, { recursive: true })
  const pdf = await page.pdf({ format: 'A4' })
  writeFileSync(`${folder}sign-off.pdf`, pdf)
  expect(pdf.length).toBeGreaterThan(10_000)
  await page.evaluate(() => dispatchEvent(new Event('afterprint')))
  await expect(page.locator('.sheet')).toHaveCount(0)
  expect(await page.title()).toBe('Messages, autumn 2022 to the end of 2023 · Plan · genesys-purge')
  // Without a plan there is nothing to sign.
  await page.emulateMedia({ media: 'screen' })
  await page.getByLabel('Reason').fill('')
  await page.evaluate(() => dispatchEvent(new Event('beforeprint')))
  await expect(page.locator('.sheet')).toContainText('There is nothing to approve.')
  await expect(page.locator('.sheet')).not.toContainText('Approved by')
  await expect(page.locator('.sheet')).not.toContainText('signature')
  await page.evaluate(() => dispatchEvent(new Event('afterprint')))

  // The list of findings is cut like that of parts, and says how many more there are.
  const holds = Array.from({ length: 100 }, (_, n) => `LH-${n}\t2023-02-02\t2023-02-01`).join('\n')
  await openPolicy(page, 'holds.tsv', holds)
  await expect(page.getByText('Added 100 holds; the day in “to” itself is not kept.')).toBeVisible()
  await page.evaluate(() => dispatchEvent(new Event('beforeprint')))
  await expect(page.locator('.sheet > ul > li')).toHaveCount(81)
  await expect(page.locator('.sheet > ul > li').last()).toHaveText(/^and \d+ more$/)
})

test('the sheet names the organisation, every hold, the limits, and the records if there are counts', async ({ page }) => {
  await open(page)
  await load(page, 'Messages with holds and retention')
  const printed = async (what: () => Promise<void>): Promise<void> => {
    await page.evaluate(() => dispatchEvent(new Event('beforeprint')))
    await page.emulateMedia({ media: 'print' })
    await what()
    await page.emulateMedia({ media: 'screen' })
    await page.evaluate(() => dispatchEvent(new Event('afterprint')))
  }
  const beside = (name: string): Locator => page.locator('.sheet dt', { hasText: new RegExp(`^${name}$`) }).locator('+ dd')
  await printed(async () => {
    await expect(beside('Organisation')).toHaveText(/^not bound to an organisation/)
    await expect(beside('Second person')).toHaveText('required: the approver must not be the requester')
    await expect(beside('Record limit')).toHaveText('250,000 per chunk; a chunk with more is not deleted')
    await expect(beside('Verification')).toHaveText(/^everything/)
    await expect(beside('Records')).toHaveCount(0)
    await expect(page.locator('.sheet .holds tr')).toHaveText([
      /^LH-2023-014 \(Doe v\. Example Corp\.\)\s*applies: its window is not deleted$/,
      /^LH-2024-009 \(Roe complaint\)\s*applies: its conversations are looked up right before each deletion/,
      // The time of a hold that does not apply may be the mistake.
      /^LH-2024-002 \(regulator inquiry into call handling\): 2022-11-01T00:00:00\.000Z – 2022-12-01T00:00:00\.000Z\s*does not concern this request$/,
    ])
    const folder = new URL('results/shots/', import.meta.url).pathname
    mkdirSync(folder, { recursive: true })
    writeFileSync(`${folder}sign-off-facts.pdf`, await page.pdf({ format: 'A4' }))
  })
  await page.getByRole('button', { name: 'Hand over' }).click()
  await page.getByLabel('OAuth client id').fill('5f1c3a52-2c1f-4f7e-9d55-7c4b1d1f0a11')
  await page.getByRole('button', { name: 'Counts…' }).click()
  await page.getByLabel('Counts by day or hour').fill('day,count\n2022-10-01,1200\n2022-10-02,34')
  await page.keyboard.press('Escape')
  await printed(async () => {
    await expect(beside('Organisation')).toHaveText(/^https:\/\/api\.mypurecloud\.com \(client 5f1c3a52-2c1f-4f7e-9d55-7c4b1d1f0a11\)\. The digest does not depend on it/)
    await expect(beside('Records')).toHaveText(/^~?1,234 in the chunks, from pasted counts$/)
  })
})

test('messages come and go without moving the page, and on a laptop the footer is one row', async ({ page }) => {
  await page.setViewportSize({ width: 1280, height: 720 })
  await open(page)
  await load(page, 'Messages with holds and retention')
  const foot = page.locator('.bottom')
  const height = (): Promise<number> => foot.evaluate((element) => element.getBoundingClientRect().height)
  const quiet = await height()
  expect(quiet).toBeLessThan(60)
  const saved = page.waitForEvent('download')
  await page.locator('#export-plan').click()
  await saved
  await expect(page.locator('.toast')).toBeInViewport({ ratio: 1 })
  expect(await height()).toBe(quiet)
  await look(page, 'toast')
})

test('evidence has its own print button, and the current plan is labelled as such', async ({ page }) => {
  await open(page)
  await expect(page.getByRole('button', { name: 'Print for sign-off' })).toBeVisible()
  await go(page, 'Evidence')
  await expect(page.getByRole('button', { name: 'Print for sign-off' })).toHaveCount(0)
  await expect(page.locator('.says')).toContainText('Current plan: Deletes')
})

test('the sheet has the options for recordings, and its sum adds up to the second', async ({ page }) => {
  await open(page)
  await load(page, 'A year of recordings')
  await page.getByLabel('snippets').uncheck()
  await page.getByLabel('Cool-off, days').fill('')
  await expect(page.locator('.says .digest')).toBeVisible()
  await page.getByLabel('Cool-off, days').fill('7')
  await page.getByLabel('From (UTC)').fill('2023-01-02T03:04:05.000Z')
  await expect(page.locator('.bottom .sums').first()).toHaveText(/^363 d 20 h 55 min 55 s requested = /)
  await page.evaluate(() => dispatchEvent(new Event('beforeprint')))
  const recordings = page.locator('.sheet dt', { hasText: /^Recordings$/ }).locator('+ dd')
  await expect(recordings).toHaveText('with payment-card or personal data: yes; governed by a media retention policy: yes; snippets: no; screen recordings: no; Cool-off, days: 7')
  await expect(page.locator('.sheet dt', { hasText: /^Adds up to$/ }).locator('+ dd')).toHaveText(/^363 d 20 h 55 min 55 s requested = /)
  const beside = (name: string): Locator => page.locator('.sheet dt', { hasText: new RegExp(`^${name}$`) }).locator('+ dd')
  await expect(beside('Verification')).toHaveText('a sample: the recordings of up to 10 conversations of each chunk')
  await page.evaluate(() => dispatchEvent(new Event('afterprint')))
  await page.getByLabel('Chunk length').fill('1')
  await page.evaluate(() => dispatchEvent(new Event('beforeprint')))
  await expect(beside('Chunk length')).toHaveText('1 day')
  await page.evaluate(() => dispatchEvent(new Event('afterprint')))
  // Naming whole conversations deletes their screen recordings as well.
  await page.getByRole('region', { name: 'Request' }).getByLabel('conversations', { exact: true }).check()
  await page.evaluate(() => dispatchEvent(new Event('beforeprint')))
  await expect(recordings).toContainText('screen recordings: yes')
  await page.evaluate(() => dispatchEvent(new Event('afterprint')))
  // Only the other API can leave something behind.
  await go(page, 'Rehearse')
  await expect(page.getByLabel('The 3rd job never ends')).toBeVisible()
  await expect(page.getByLabel('leaves 3 records behind')).toHaveCount(0)
})
