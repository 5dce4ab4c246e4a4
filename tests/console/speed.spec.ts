// The page promises to be fast. The bounds were set beforehand; the measured values are printed.
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { longer } from './chains'
import { expect, openPolicy, test, type Page } from './page'

const request = (start: string, end: string, chunking: unknown): string =>
  JSON.stringify({
    version: 1, name: 'speed', api: 'dataDeletion', recordTypes: ['conversation'], range: { start, end },
    jurisdiction: 'us-east-1', query: null, chunking, reason: 'speed', requestedBy: 'speed@example.com',
  })

const median = (list: number[]): number => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)] ?? Number.NaN

/** On a busy machine one round says little, but a page that is too slow is so in all of them. */
const ROUNDS = 8
const KEYS = 21

/** For each of several keystrokes, the milliseconds until its effect has been painted. */
function keystrokeTimes(page: Page): Promise<number[]> {
  return page.evaluate(async (keys) => {
    const area = document.querySelector('textarea') as HTMLTextAreaElement
    const list: number[] = []
    for (let key = 0; key < keys; key += 1) {
      // Keys come at any time between two frames.
      await new Promise((resolve) => setTimeout(resolve, 30 + ((key * 7) % 17)))
      area.value = area.value.replace(/"reason":"speed[^"]*"/, `"reason":"speed${key}"`)
      const pressed = performance.now()
      area.dispatchEvent(new InputEvent('input', { bubbles: true }))
      // The page paints in the next frame. A message posted in that frame arrives after painting.
      await new Promise((resolve) => requestAnimationFrame(() => {
        const channel = new MessageChannel()
        channel.port1.onmessage = resolve
        channel.port2.postMessage(null)
      }))
      list.push(performance.now() - pressed)
    }
    return list
  }, KEYS)
}

/** The milliseconds that the page itself has used, without those that a busy machine gave to others. */
async function meter(page: Page): Promise<() => Promise<number>> {
  const session = await page.context().newCDPSession(page)
  await session.send('Performance.enable', { timeDomain: 'threadTicks' })
  return async () => {
    const { metrics } = await session.send('Performance.getMetrics')
    return 1000 * (metrics.find(({ name }) => name === 'TaskDuration')?.value ?? Number.NaN)
  }
}

/** On average, a key waits half a frame for its frame. */
const HALF_A_FRAME = 1000 / 60 / 2

for (const [name, text, rows, bound] of [
  ['three years of days', request('2021-01-01T00:00:00Z', '2024-01-01T00:00:00Z', { days: 1 }), '1,095', 16],
  ['ten years of hours', request('2014-01-01T00:00:00Z', '2024-01-01T00:00:00Z', { hours: 1 }), '87,648', 100],
] as const) {
  test(`from keystroke to painted timeline, ${name}`, async ({ page }) => {
    await page.goto('/')
    await page.getByRole('button', { name: 'JSON' }).first().click()
    await page.getByLabel('Purge request, JSON').fill(text)
    await expect(page.getByText(`${rows} rows`)).toBeVisible()
    const used = await meter(page)
    const rounds: { seen: number; own: number }[] = []
    // On a busy machine, only the time that the page itself used for a key counts, plus the wait for its frame.
    const best = (): number => Math.min(...rounds.map(({ seen, own }) => Math.min(seen, own + HALF_A_FRAME)))
    while (rounds.length < ROUNDS && !(best() <= bound)) {
      const before = await used()
      const seen = median(await keystrokeTimes(page))
      rounds.push({ seen, own: ((await used()) - before) / KEYS })
    }
    const told = rounds.map(({ seen, own }) => `${seen.toFixed(1)} (own ${own.toFixed(1)})`).join(', ')
    console.log(`${name}: ${told} ms (medians of ${KEYS} keystrokes), at most ${bound} ms`)
    expect(best()).toBeLessThanOrEqual(bound)
  })
}

const VERIFY_MS = 2000
/**
 * For a machine that is slow at the moment: a multiple of the time that Node takes to read and hash the same lines, measured right
 * before. On a fast machine this is less than two seconds, so that it excuses nothing.
 */
const timeToReadAndHash = 3.5

function readAndHashed(text: string): number {
  const begin = performance.now()
  for (const line of text.trimEnd().split('\n')) {
    JSON.parse(line)
    createHash('sha256').update(line).digest('hex')
  }
  return performance.now() - begin
}

test('a hundred thousand records are verified in two seconds, and the page stays responsive', async ({ page }) => {
  test.setTimeout(120_000)
  await page.goto('/')
  await page.getByRole('button', { name: 'Rehearse', exact: true }).click()
  await page.getByLabel('Job duration, seconds').fill('3600')
  await page.getByLabel('Job duration, seconds').blur()
  await page.getByRole('button', { name: 'Start', exact: true }).click()
  await page.getByRole('button', { name: 'To the end' }).click()
  await expect(page.getByText(/exit code 0/)).toBeVisible()
  const saved = page.waitForEvent('download')
  await page.getByRole('button', { name: 'Save the log' }).click()
  const log = readFileSync(await (await saved).path(), 'utf8').trimEnd().split('\n')
  const text = longer(log, 100_000)
  const file = join(mkdtempSync(join(tmpdir(), 'console-')), 'audit.jsonl')
  writeFileSync(file, text)

  await page.getByRole('button', { name: 'Evidence', exact: true }).click()
  await page.evaluate(() => {
    const gaps: number[] = []
    let last = performance.now()
    const frame = (): void => {
      const now = performance.now()
      gaps.push(now - last)
      last = now
      requestAnimationFrame(frame)
    }
    requestAnimationFrame(frame)
    Object.assign(window, { gaps })
  })
  const used = await meter(page)
  const checked: { took: number; cpu: number; pause: number; native: number }[] = []
  const fine = (): boolean =>
    checked.some(({ took, cpu, pause, native }) => (took < VERIFY_MS || cpu < VERIFY_MS - 200 || took < timeToReadAndHash * native) && pause < 300)
  while (checked.length < ROUNDS && !fine()) {
    await page.evaluate(() => (window as unknown as { gaps: number[] }).gaps.splice(0))
    const choosing = page.waitForEvent('filechooser')
    await page.getByRole('button', { name: 'Choose files…' }).click()
    const native = readAndHashed(text)
    const before = await used()
    await (await choosing).setFiles(file)
    await expect(page.getByText(/^Checked /)).toBeVisible()
    await expect(page.getByText(/^Sound: 100,000 records/)).toBeVisible({ timeout: 60_000 })
    const took = Number(/Checked in\s*(\d+) ms/.exec(await page.locator('.evidence').innerText())?.[1])
    expect(took, 'the page says how long it took').toBeGreaterThan(0)
    const pause = await page.evaluate(() => Math.max(...(window as unknown as { gaps: number[] }).gaps))
    checked.push({ took, cpu: (await used()) - before, pause, native })
  }
  const told = checked.map(
    ({ took, cpu, pause, native }) =>
      `${took} ms (${cpu.toFixed(0)} ms of the page’s own, ${(took / native).toFixed(1)} times Node’s), longest pause of the page ${pause.toFixed(0)} ms`,
  )
  console.log(`100,000 records (${(text.length / 1e6).toFixed(0)} MB): ${told.join('; ')}`)
  expect(fine(), `verified within ${VERIFY_MS} ms, or 200 ms less of the page’s own on a busy machine, or ${timeToReadAndHash} times Node’s on one that is slow just now, with no pause of 300 ms`).toBe(true)
})

/** Four times as many holds may take this many times as long: a proportional share, and some more. */
const IN_PROPORTION = 8

test('the time to make the sheet for sign-off grows in proportion to its holds', async ({ page }) => {
  await page.goto('/')
  const printed = async (holds: number): Promise<number> => {
    const day = (n: number): string => new Date(Date.UTC(2023, 0, 1 + (n % 90))).toISOString()
    const policy = { version: 1, retention: [], holds: Array.from({ length: holds }, (_, n) => ({ id: `LH-${n}`, range: { start: day(n), end: day(n).replace('T00', 'T01') } })) }
    await openPolicy(page, 'policy.json', JSON.stringify(policy))
    await expect(page.getByRole('heading', { name: `Legal holds (${holds})` })).toBeVisible({ timeout: 60_000 })
    const took: number[] = []
    for (let round = 0; round < 3; round += 1) {
      took.push(await page.evaluate(() => {
        const began = performance.now()
        dispatchEvent(new Event('beforeprint'))
        const made = performance.now() - began
        dispatchEvent(new Event('afterprint'))
        return made
      }))
    }
    return Math.min(...took)
  }
  const [few, many] = [await printed(1500), await printed(6000)]
  console.log(`the sheet with 1,500 holds: ${few.toFixed(0)} ms, with 6,000: ${many.toFixed(0)} ms`)
  expect(many / few).toBeLessThan(IN_PROPORTION)
})
