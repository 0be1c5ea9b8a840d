/**
 * Takes the pictures of the page that stand in the README and in docs/. They look as there where the font Inter is
 * installed (Debian: fonts-inter, fonts-noto-color-emoji). `npm run screenshots`
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { openTab } from './browser.ts'
import { fillScene, newScene, runImage, untilCopied } from './scene.ts'

const FOLDER = join(import.meta.dirname, '..', '..', 'docs', 'pictures')
const FLOCK = { host: 'node042', path: '/scratch/ada/flock', name: 'Flocking', imageId: 'ab'.repeat(20) }

const cleanUps: Array<() => unknown> = []
const t = { after: (cleanUp: () => unknown) => void cleanUps.push(cleanUp), signal: new AbortController().signal }

try {
  const scene = await newScene(t, { hasPeer: true })
  const ants = await fillScene(t, scene)
  await untilCopied(t, scene, 'Ants')
  for (const record of [ants.record, FLOCK]) await runImage(scene, record)
  mkdirSync(FOLDER, { recursive: true })
  const { page, complaints } = await openTab(t, { reducedMotion: 'reduce', colorScheme: 'light' })
  await page.goto(scene.sampler.url)
  await page.locator('.tap').nth(1).waitFor()
  await page.locator('.row.version .mark.proved').first().waitFor()
  await page.locator('.peer', { hasText: 'connected' }).waitFor()
  await take(page, 'versions-light')
  await page.getByRole('button', { name: 'Take snapshot of Flocking' }).click()
  await page.getByRole('treeitem', { name: /^Ants 0\.0\.12/ }).click()
  await page.locator('.code-change').first().waitFor()
  await page.locator('.toast').waitFor({ state: 'detached' })
  await page.locator('.code-change summary').first().click()
  await take(page, 'version-light')
  await page.emulateMedia({ colorScheme: 'dark' })
  await take(page, 'version-dark')
  for (const complaint of complaints) console.log(complaint)
} finally {
  for (const cleanUp of cleanUps.reverse()) await cleanUp()
}

async function take(page: Page, name: string): Promise<void> {
  await page.mouse.move(0, 0)
  await page.screenshot({ path: join(FOLDER, `${name}.png`), animations: 'disabled' })
  console.log(`${name}.png`)
}
