// What the page may do: load nothing from elsewhere, run nothing inline, and no code but its own. These tests would notice if it
// could do more.
import { test as plain } from '@playwright/test'
import { expect, open, test } from './page'

test('the page requests only its own files, and every answer carries the security policy', async ({ page }) => {
  const asked: string[] = []
  page.on('request', (request) => asked.push(request.url()))
  const [answer] = await Promise.all([page.waitForResponse((response) => response.url().endsWith('/')), open(page)])
  const rules = answer.headers()['content-security-policy'] ?? ''
  expect(rules).toContain("default-src 'self'")
  expect(rules).toContain("script-src 'self' 'wasm-unsafe-eval'")
  expect(rules).not.toMatch(/unsafe-inline|'unsafe-eval'|https?:/)
  await page.getByLabel('Chunk length').fill('7')
  const origin = new URL(page.url()).origin
  expect(asked.filter((url) => !url.startsWith(origin) && !url.startsWith('blob:'))).toEqual([])
})

test('the page has no inline script or style', async ({ page }) => {
  await open(page)
  const html = await (await page.request.get('/')).text()
  expect(html).not.toMatch(/<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)/)
})

// The next two tests prove that the fixture of all the others is not blind: what it looks for does show up when it is there.
plain('without permission to compile wasm, the page says why it does not start', async ({ page }) => {
  await page.route('**/', async (route) => {
    const answer = await route.fetch()
    const headers = { ...answer.headers() }
    delete headers['content-security-policy']
    const body = (await answer.text()).replace("'self' 'wasm-unsafe-eval'", "'self'")
    await route.fulfill({ response: answer, headers, body })
  })
  await page.goto('/')
  await expect(page.getByText(/^The page could not start: /)).toBeVisible()
})

plain('inline code and other origins are refused, and the tests notice the refusal', async ({ page }) => {
  const seen: string[] = []
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => console.error(`refused ${event.effectiveDirective}`))
  })
  page.on('console', (message) => seen.push(message.text()))
  await page.goto('/')
  await page.getByRole('navigation').first().waitFor()
  await page.evaluate(() => {
    const image = document.createElement('img')
    image.src = 'https://example.com/pixel.png'
    document.body.append(image)
    document.body.setAttribute('style', 'color: red')
  })
  await expect.poll(() => seen.join('\n')).toMatch(/refused img-src/)
  await expect.poll(() => seen.join('\n')).toMatch(/refused style-src/)
  // Not even the text of a script can be set.
  await expect(page.evaluate(() => {
    document.createElement('script').textContent = 'document.title = "inline"'
  })).rejects.toThrow(/TrustedScript/)
})
