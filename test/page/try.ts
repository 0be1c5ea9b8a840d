import { openBrowser } from './browser.ts'
import { newScene, runImage } from './scene.ts'
const cleanUps: Array<() => unknown> = []
const t = { after: (fn: () => unknown) => void cleanUps.push(fn), signal: new AbortController().signal }
try {
  const scene = await newScene(t, { hasPeer: process.argv[2] === 'peer' })
  await runImage(scene, 'Ants')
  await runImage(scene, 'Flocking')
  console.log(scene.sampler.url, scene.sampler.home)
  const browser = await openBrowser()
  t.after(() => browser.close())
  const page = await (await browser.newContext({ viewport: { width: 1440, height: 900 }, deviceScaleFactor: 1 })).newPage()
  page.on('console', (m) => console.log(m.type(), m.text()))
  page.on('pageerror', (e) => console.log('pageerror', e.stack))
  await page.goto(scene.sampler.url)
  await new Promise((r) => setTimeout(r, 3000))
  await page.screenshot({ path: '/tmp/wt-shot-1.png' })
  await page.locator('.row.version', { hasText: '0.0.8' }).first().click({ timeout: 5000 })
  await new Promise((r) => setTimeout(r, 2500))
  await page.screenshot({ path: '/tmp/wt-shot-2.png' })
  await page.emulateMedia({ colorScheme: 'dark' })
  await page.screenshot({ path: '/tmp/wt-shot-3.png' })
  console.log(scene.sampler.said())
} finally {
  for (const fn of cleanUps.reverse()) await fn()
}
