// The rehearsal by finger on a tablet and by keyboard alone: both can do whatever a mouse can.
import type { CDPSession } from '@playwright/test'
import { accessible, expect, longRehearsal, look, test, type Locator, type Page } from './page'

const lanes = (page: Page): Locator => page.getByRole('slider', { name: /lanes over virtual time/ })
const coming = (page: Page): Locator => page.getByRole('list', { name: 'Upcoming events' }).getByRole('listitem')
/** The virtual time at which the lanes are read, in seconds since the run began. */
const cursorSeconds = async (page: Page): Promise<number> => Number(await lanes(page).getAttribute('aria-valuenow'))

/** Presses a key and returns by how many seconds it moved the cursor. */
async function pressAndMeasure(page: Page, key: string): Promise<number> {
  const before = await cursorSeconds(page)
  await page.keyboard.press(key)
  await expect.poll(() => cursorSeconds(page)).not.toBe(before)
  return (await cursorSeconds(page)) - before
}

test.describe('by finger', () => {
  test.use({ hasTouch: true, isMobile: true, viewport: { width: 820, height: 1180 } })

  /** Puts a finger down, moves it in steps, and lifts it. */
  async function swipe(cdp: CDPSession, ...path: { x: number; y: number }[]): Promise<void> {
    const [first, ...rest] = path
    if (!first) return
    await cdp.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints: [first] })
    let from = first
    for (const to of rest) {
      for (let step = 1; step <= 6; step += 1) {
        const point = { x: from.x + ((to.x - from.x) * step) / 6, y: from.y + ((to.y - from.y) * step) / 6 }
        await cdp.send('Input.dispatchTouchEvent', { type: 'touchMove', touchPoints: [point] })
      }
      from = to
    }
    await cdp.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] })
  }

  async function middleOf(locator: Locator): Promise<{ x: number; y: number; width: number; height: number }> {
    const box = await locator.boundingBox()
    if (!box) throw new Error('it is not there')
    return { x: box.x + box.width / 2, y: box.y + box.height / 2, width: box.width, height: box.height }
  }

  test('faults are dragged and placed, the past is viewed, the lanes are zoomed', async ({ page }) => {
    await longRehearsal(page)
    const cdp = await page.context().newCDPSession(page)
    await page.getByRole('button', { name: 'Start', exact: true }).tap()
    await page.clock.runFor(400)
    await page.getByRole('button', { name: 'Pause' }).tap()
    await lanes(page).scrollIntoViewIfNeeded()

    await test.step('a fault is dragged onto the lanes', async () => {
      const chip = page.getByRole('button', { name: 'Rate limit', exact: true })
      await chip.scrollIntoViewIfNeeded()
      const [from, to] = [await middleOf(chip), await middleOf(lanes(page))]
      await swipe(cdp, from, { x: to.x + to.width * 0.4, y: to.y })
      await expect(coming(page)).toHaveText([/^\s*Rate limit at \d\d:\d\d:\d\d, in /])
    })

    await test.step('a hold is placed at the time that is tapped', async () => {
      const box = await middleOf(lanes(page))
      await page.touchscreen.tap(box.x + box.width * 0.45, box.y)
      await expect(page.getByText('in the future: an event that you trigger happens here')).toBeVisible()
      await expect(page.getByLabel('Event time')).not.toHaveValue('')
      await page.getByRole('button', { name: 'Legal hold' }).tap()
      await expect(coming(page)).toHaveCount(2)
      await expect(coming(page).filter({ hasText: 'Legal hold' })).toContainText('2023-03-26 – 2023-04-01')
    })

    await test.step('the text of a title is available without a mouse', async () => {
      await expect(page.getByText('The next call is answered with 429 and a pause of 5 s')).toBeVisible()
      await expect(page.getByText('How long the simulated tenant takes to carry out one deletion')).toBeVisible()
    })

    await test.step('the same is true in the form', async () => {
      await page.getByRole('button', { name: 'Plan', exact: true }).tap()
      await expect(page.getByText('A chunk is a part of the range that one request deletes')).toBeVisible()
      expect((await middleOf(page.getByText('A chunk is a part of the range'))).width).toBeGreaterThan(100)
      await look(page, 'form-touch')
      await page.getByRole('button', { name: 'Rehearse', exact: true }).tap()
    })

    await test.step('everything is large enough for a finger', async () => {
      const small = await page.locator('.rehearse').locator('button, input, select').evaluateAll((elements) => elements.flatMap((element) => {
        const { width, height } = (element.closest('label.choice') ?? element).getBoundingClientRect()
        return height >= 43.5 && width >= 43.5 ? [] : [`${element.textContent?.trim() || element.id}: ${width} × ${height}`]
      }))
      expect(small).toEqual([])
    })

    await test.step('an upcoming event is removed', async () => {
      await page.getByRole('button', { name: /^Remove: Rate limit/ }).tap()
      await expect(coming(page)).toHaveText([/Legal hold/])
      await look(page, 'rehearse-touch')
    })

    await test.step('a tap on the past looks back, and two fingers zoom the lanes', async () => {
      await page.getByRole('button', { name: '+', exact: true }).or(page.getByRole('button', { name: 'Zoom in' })).first().tap()
      const box = await middleOf(lanes(page))
      const before = await cursorSeconds(page)
      const two = (apart: number) => [{ x: box.x - apart, y: box.y, id: 0 }, { x: box.x + apart, y: box.y, id: 1 }]
      await cdp.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints: two(40) })
      for (const apart of [60, 90, 130, 180]) await cdp.send('Input.dispatchTouchEvent', { type: 'touchMove', touchPoints: two(apart) })
      await cdp.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] })
      expect(await cursorSeconds(page)).toBe(before)
      await page.getByRole('button', { name: 'Fit' }).tap()
      await page.touchscreen.tap(box.x - box.width / 2 + 4, box.y)
      await expect.poll(() => cursorSeconds(page)).toBeLessThan(before)
      await expect(page.locator('.clock')).toContainText(/\(\+/)
    })
  })
})

test('the rehearsal by keyboard alone', async ({ page }) => {
  await longRehearsal(page)
  await page.getByRole('button', { name: 'Start', exact: true }).focus()
  await page.keyboard.press('Enter')
  await page.clock.runFor(400)
  await page.getByRole('main').focus()
  await page.keyboard.press('Space')
  await expect(page.getByRole('button', { name: 'Play' })).toBeVisible()

  await test.step('the lanes can be read bar by bar', async () => {
    await lanes(page).focus()
    const now = await cursorSeconds(page)
    const last = Number(await lanes(page).getAttribute('aria-valuemax'))
    await expect(lanes(page)).toHaveAttribute('aria-valuemin', '0')
    expect(now).toBeLessThan(last)
    expect(last).toBeLessThan(3600)
    expect(await pressAndMeasure(page, 'ArrowLeft')).toBeLessThan(0)
    await expect(lanes(page)).toHaveAttribute('aria-valuetext', /UTC · chunk \d+: (check|submit|delete|wait|verify), .* for /)
    const read = await lanes(page).getAttribute('aria-valuetext')
    await page.keyboard.press('ArrowDown')
    await expect(lanes(page)).not.toHaveAttribute('aria-valuetext', read ?? '')
    await pressAndMeasure(page, 'Home')
    expect(await cursorSeconds(page)).toBe(0)
    await expect(page.locator('.readout')).toContainText('UTC')
    await pressAndMeasure(page, 'End')
    expect(await cursorSeconds(page)).toBe(now)
  })

  await test.step('a hold is placed at a future time', async () => {
    expect(await pressAndMeasure(page, 'ArrowRight')).toBeGreaterThan(0)
    expect(await pressAndMeasure(page, 'PageUp')).toBeGreaterThan(0)
    const [, then = 'none'] = /(\d\d:\d\d:\d\d) UTC/.exec((await lanes(page).getAttribute('aria-valuetext')) ?? '') ?? []
    await page.getByLabel('Event time').focus()
    await page.keyboard.press('Tab')
    await page.keyboard.press('Tab')
    await expect(page.getByRole('button', { name: 'Legal hold' })).toBeFocused()
    await expect(page.getByText('A hold is placed on the conversations of the window given below')).toBeInViewport()
    await page.keyboard.press('Enter')
    await expect(coming(page)).toHaveCount(1)
    await expect(coming(page)).toContainText(then)
  })

  await test.step('a time can also be typed, and an invalid one is reported', async () => {
    await page.getByLabel('Event time').focus()
    await page.keyboard.press('Control+A')
    await page.keyboard.type('soon')
    await page.keyboard.press('Enter')
    await expect(page.getByLabel('Event time')).toHaveAttribute('aria-invalid', 'true')
    await expect(page.getByText('That is not a future time')).toBeVisible()
    const before = await coming(page).count()
    await page.getByRole('button', { name: 'Server error' }).press('Space')
    await expect(page.getByLabel('Event time'), 'nothing happens, least of all now').toBeFocused()
    expect(await coming(page).count()).toBe(before)
    await page.keyboard.press('Control+A')
    await page.keyboard.type('+3:00')
    await page.keyboard.press('Enter')
    await page.getByRole('button', { name: 'Server error' }).focus()
    await page.keyboard.press('Space')
    await expect(coming(page).filter({ hasText: /Server error at .*, in 3 min/ })).toHaveCount(1)
    await accessible(page)
  })

  await test.step('the view can be moved and zoomed', async () => {
    await lanes(page).focus()
    const coarse = await pressAndMeasure(page, 'ArrowRight')
    for (const key of ['+', '+', '+']) await page.keyboard.press(key)
    const fine = await pressAndMeasure(page, 'ArrowRight')
    expect(fine).toBeLessThan(coarse)
    await page.keyboard.press('Shift+ArrowRight')
    await page.keyboard.press('0')
    expect(await pressAndMeasure(page, 'ArrowRight')).toBeGreaterThan(fine)
  })

  await test.step('a record of the log can be read in full', async () => {
    await page.getByRole('listbox', { name: 'Audit log' }).focus()
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('ArrowDown')
    await expect(page.getByRole('group', { name: 'Record' })).toContainText('"timestamp"')
    await accessible(page)
  })

  await test.step('the placed hold takes effect', async () => {
    await page.clock.resume()
    await page.getByRole('button', { name: 'To the end' }).focus()
    await page.keyboard.press('Enter')
    await expect(page.getByText(/exit code/)).toBeVisible({ timeout: 60_000 })
    await expect(page.locator('.states .mark').filter({ hasText: 'held' })).not.toHaveCount(0)
    await look(page, 'rehearse-keyboard')
  })
})
