// The command line's real server on the built page, with a simulated tenant.
import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, load, type Page } from './page'

const root = new URL('../../', import.meta.url).pathname
export const binary = process.env['GENESYS_PURGE'] ?? join(root, 'target/debug/genesys-purge')
export const environment = { PATH: process.env['PATH'] ?? '', HOME: tmpdir() }

export interface Server {
  url: string
  folder: string
  child: ChildProcess
}

const running: ChildProcess[] = []

/** Starts the real server on the built page, with this scenario for its simulated tenant. */
export async function serve(scenario: unknown, folder = mkdtempSync(join(tmpdir(), 'watch-')), port = 0): Promise<Server> {
  expect(existsSync(binary), `${binary}: build it first`).toBe(true)
  writeFileSync(join(folder, 'scenario.json'), JSON.stringify(scenario))
  const args = ['serve', '--listen', `127.0.0.1:${port}`, '--www', join(root, 'www/dist'), '--ledger', 'data', '--scenario', 'scenario.json']
  const child = spawn(binary, args, { cwd: folder, env: environment, stdio: ['ignore', 'pipe', 'inherit'] })
  running.push(child)
  const lines = createInterface({ input: child.stdout })
  const url = await new Promise<string>((resolve, reject) => {
    lines.once('line', resolve)
    child.once('exit', (code) => reject(new Error(`the server ended with ${code}`)))
  })
  return { url, folder, child }
}

/** Call it after each test. */
export function stopServers(): void {
  for (const child of running.splice(0)) child.kill('SIGKILL')
}

/** Opens the page at the server's address, with its token. */
export async function enter(page: Page, server: Server): Promise<void> {
  await page.goto(server.url)
  await page.getByRole('navigation').waitFor()
  await expect(page.getByText('SIMULATED', { exact: true }).first()).toBeVisible()
}

/** From a plan to its run, as a user does it. */
export async function carryOut(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Plan', exact: true }).click()
  await load(page, 'A quarter of conversations')
  await page.getByRole('button', { name: 'Carry out…' }).click()
  const code = (await page.getByRole('dialog').locator('.digest').textContent()) ?? ''
  await page.getByLabel('Type the code').fill(code)
  await page.getByLabel('Approver').fill('dpo@example.com')
  await page.getByRole('button', { name: 'Start', exact: true }).click()
  await expect(page.getByRole('heading', { name: 'Q1 2023' })).toBeVisible()
}
