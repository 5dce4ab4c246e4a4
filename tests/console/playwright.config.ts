import { defineConfig, devices } from '@playwright/test'

const port = Number(process.env['CONSOLE_PORT'] ?? 4173)
const quiet = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--disable-domain-reliability', '--force-color-profile=srgb',
]

const chromium = {
  ...devices['Desktop Chrome'],
  viewport: { width: 1440, height: 900 },
  launchOptions: { executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium', args: quiet },
}

export default defineConfig({
  testDir: '.',
  outputDir: './results/traces',
  reporter: [['list']],
  workers: 2,
  timeout: 240_000,
  // Generous for busy machines: what does not come at all fails just the same.
  expect: { timeout: 15_000 },
  use: {
    baseURL: `http://127.0.0.1:${port}`,
    locale: 'en-GB',
    timezoneId: 'Europe/Berlin',
    screenshot: 'only-on-failure',
  },
  // Measurements run alone, after everything else.
  projects: [
    { name: 'views', testIgnore: 'speed.spec.ts', use: chromium },
    { name: 'speed', testMatch: 'speed.spec.ts', use: chromium, dependencies: ['views'], retries: 2, fullyParallel: false },
  ],
  webServer: {
    command: `npx vite preview www --host 127.0.0.1 --port ${port} --strictPort`,
    cwd: '../..',
    url: `http://127.0.0.1:${port}`,
    reuseExistingServer: false,
    gracefulShutdown: { signal: 'SIGTERM', timeout: 2000 },
  },
})
