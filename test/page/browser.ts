/** A current browser as people have it, with nothing but the page of a daemon to show. */
import { existsSync } from 'node:fs'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import type { TestContext } from '../harness.ts'

/** Where Debian puts it. */
const CHROMIUM = process.env.PINTGLAS_CHROMIUM ?? '/usr/bin/chromium'
/** A machine that is shared by many is slow, and nothing here is measured by time. */
const PATIENCE_MS = 60_000
const FLAGS = [
  '--no-sandbox', // root cannot have one
  '--disable-gpu',
  '--disable-quic',
  '--disable-dev-shm-usage',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** Why nothing can be seen here; undefined where it can. */
export const noBrowser = existsSync(CHROMIUM) ? undefined : `there is no ${CHROMIUM}: apt-get install chromium`

/** `host.example` -> an address: names that a foreign page would have made to point here. */
export interface BrowserOptions {
  hosts?: Record<string, string>
}

export async function openBrowser({ hosts = {} }: BrowserOptions = {}): Promise<Browser> {
  const rules = Object.entries(hosts).map(([name, address]) => `MAP ${name} ${address}`)
  const args = [...FLAGS, ...(rules.length === 0 ? [] : [`--host-resolver-rules=${rules.join(',')}`])]
  return chromium.launch({ executablePath: CHROMIUM, args, timeout: PATIENCE_MS })
}

export interface Seen {
  page: Page
  /** What the page wrote to the console or threw: nothing, unless something is wrong. */
  complaints: string[]
}

/** A tab of a browser of its own, gone when the test ends. */
export async function openTab(
  t: TestContext,
  { hosts, ...context }: BrowserOptions & BrowserContextOptions = {},
): Promise<Seen> {
  const browser = await openBrowser(hosts === undefined ? {} : { hosts })
  t.after(() => browser.close())
  const page = await (await browser.newContext({ viewport: { width: 1440, height: 900 }, ...context })).newPage()
  page.setDefaultTimeout(PATIENCE_MS)
  const complaints: string[] = []
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(error.message))
  return { page, complaints }
}
