// The base of all tests: a page on which nothing may go wrong unseen.
import { test as base, expect, type Locator, type Page } from '@playwright/test'
import AxeBuilder from '@axe-core/playwright'
import { mkdirSync } from 'node:fs'

/** The day on which everything is planned, so that digests stay the same in later years. */
export const TODAY = new Date('2026-11-23T12:00:00Z')

export const test = base.extend<{ complaints: string[] }>({
  complaints: [
    async ({ page }, use) => {
      const complaints: string[] = []
      page.on('console', (message) => {
        if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
      })
      page.on('pageerror', (error) => complaints.push(String(error)))
      page.on('request', (request) => {
        const url = new URL(request.url())
        if (url.protocol.startsWith('http') && url.hostname !== '127.0.0.1') complaints.push(`left the page: ${url.href}`)
      })
      await page.addInitScript(() => {
        document.addEventListener('securitypolicyviolation', (event) => {
          console.error(`content security policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`)
        })
      })
      await use(complaints)
      expect(complaints).toEqual([])
    },
    { auto: true },
  ],
})

export { expect, type Locator, type Page }

export async function open(page: Page, hash = '', time = TODAY): Promise<void> {
  await page.clock.install({ time })
  await page.goto(`/${hash}`)
  await page.getByRole('navigation').waitFor()
}

/** Takes the picture first, so that it exists when the view turns out to be wrong. */
export async function look(page: Page, name: string): Promise<void> {
  await shot(page, name)
  await accessible(page)
}

export async function shot(page: Page, name: string): Promise<void> {
  const folder = new URL('results/shots/', import.meta.url).pathname
  mkdirSync(folder, { recursive: true })
  await page.screenshot({ path: `${folder}${name}.png` })
}

export async function accessible(page: Page): Promise<void> {
  const { violations } = await new AxeBuilder({ page })
    .withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'])
    .analyze()
  expect(violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(' ')).join(', ')}`)).toEqual([])
}

/** Waits until the page has painted what has been done to it. A clock that a test has paused must be set going first. */
export async function painted(page: Page): Promise<void> {
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(done)))
}

export async function load(page: Page, example: string): Promise<void> {
  await page.getByLabel('Start from').selectOption({ label: example })
  await painted(page)
}

/** Drops a file on an element of the page. */
export async function drop(page: Page, at: string, text: string): Promise<void> {
  await page.evaluate(([at = '', text = '']) => {
    const data = new DataTransfer()
    data.items.add(new File([text], 'dropped.json'))
    document.querySelector(at)?.dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }))
  }, [at, text])
}

/** Opens a file with the policy's button: a policy, or rows for one. */
export async function openPolicy(page: Page, name: string, text: string): Promise<void> {
  const choosing = page.waitForEvent('filechooser')
  await page.locator('section.policy').getByRole('button', { name: 'Open file…' }).click()
  await (await choosing).setFiles({ name, mimeType: 'text/plain', buffer: Buffer.from(text) })
}

/** The Rehearse view with a plan, before the rehearsal is started. */
export async function longRehearsal(page: Page): Promise<void> {
  await open(page)
  await load(page, 'A quarter of conversations')
  // More chunks than run at once, so that some are still to be sent.
  await page.getByLabel('Chunk length').fill('7')
  await page.getByRole('button', { name: 'Rehearse', exact: true }).click()
  // Two hours per job, so that none ends before a button is pressed, however busy the machine is.
  await page.getByLabel('Job duration, seconds').fill('7200')
  await page.getByLabel('Job duration, seconds').blur()
}
