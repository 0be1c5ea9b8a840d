import AxeBuilder from 'axe-core'
import type { Page } from 'playwright-core'
import * as assert from 'uvu/assert'
import { good } from '../cli/process.ts'
import { test } from '../harness.ts'
import { noBrowser, openTab } from './browser.ts'
import { newScene, runImage, Work } from './scene.ts'

const options = { skip: noBrowser, limitMs: 300_000 }

test(
  'everything can be done with keys: search, list, version, its tabs, and back',
  async (t) => {
    const scene = await newScene(t)
    const work = Work.begin(scene, 'Ants')
    await work.save(3)
    await work.save(2)
    const { page } = await openTab(t)
    await page.goto(scene.sampler.url)
    await page.getByRole('treeitem', { name: /^Ants 0\.0\.2/ }).waitFor()
    const focused = () => page.evaluate(() => document.activeElement?.id || document.activeElement?.textContent?.trim())
    const active = () =>
      page.evaluate(() => {
        const id = document.activeElement?.getAttribute('aria-activedescendant') ?? ''
        return document.getElementById(id)?.textContent ?? ''
      })
    await page.keyboard.press('Tab')
    assert.is(await focused(), 'Skip to the versions')
    await page.keyboard.press('Enter')
    assert.is(await focused(), 'tree')
    assert.match(await active(), /^Ants2 versions/)
    await page.keyboard.press('ArrowLeft')
    await page.getByRole('treeitem', { name: /^Ants 0\.0\.2/ }).waitFor({ state: 'detached' })
    await page.keyboard.press('ArrowRight')
    await page.getByRole('treeitem', { name: /^Ants 0\.0\.2/ }).waitFor()
    await page.keyboard.press('ArrowRight')
    assert.match(await active(), /^Ants 0\.0\.2/)
    await page.keyboard.press('End')
    assert.match(await active(), /^Ants 0\.0\.1/)
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Ants@0.0.1' }).waitFor()
    await page.keyboard.press('ArrowUp')
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Ants@0.0.2' }).waitFor()
    await page.getByRole('tab', { name: 'Changes' }).focus()
    await page.keyboard.press('ArrowLeft')
    assert.is(await focused(), 'tab-holders')
    await page.getByRole('button', { name: 'Pin', exact: true }).focus()
    await good(t, scene.sampler.home, 'tag', 'Ants@0.0.2', 'news')
    await page.locator('#panel .chip', { hasText: 'news' }).waitFor()
    assert.is(await focused(), 'Pin', 'news do not take the focus away')
    await page.keyboard.press('Escape')
    await page.getByRole('heading', { name: 'Ants@0.0.2' }).waitFor({ state: 'detached' })
    assert.is(await focused(), 'tree')
    await page.keyboard.press('/')
    assert.is(await focused(), 'search')
    await page.keyboard.type('0.0.1')
    await page.keyboard.press('ArrowDown')
    assert.is(await focused(), 'tree')
    await page.goBack()
    await page.getByRole('heading', { name: 'Ants@0.0.2' }).waitFor()
  },
  options,
)

test(
  'a checker of accessibility finds nothing, in light and in dark, wherever one is',
  async (t) => {
    const scene = await newScene(t)
    const { page } = await openTab(t, { reducedMotion: 'reduce' })
    await page.goto(scene.sampler.url)
    await page.getByRole('heading', { name: 'No version yet' }).waitFor()
    await check(page, 'an empty stock')
    const work = Work.begin(scene, 'Ants')
    await work.save(3)
    await work.save(2)
    await runImage(scene, work.record)
    await page.locator('.tap').waitFor()
    await page.getByRole('treeitem', { name: /^Ants 0\.0\.2/ }).click()
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme })
      for (const tab of ['Holders', 'Record', 'Files', 'Changes']) {
        await page.getByRole('tab', { name: tab }).click()
        await page.getByRole('tabpanel', { name: tab }).locator('.hint, dl').first().waitFor()
        await check(page, `${tab} in ${colorScheme}`)
      }
      await page.getByRole('button', { name: 'Filters' }).click()
      await page.getByRole('button', { name: 'Note', exact: true }).click()
      await check(page, `forms in ${colorScheme}`)
      await page.getByRole('button', { name: 'Cancel' }).click()
      await page.getByRole('button', { name: 'Filters' }).click()
    }
    await page.setViewportSize({ width: 390, height: 844 })
    await check(page, 'a small screen')
  },
  options,
)

async function check(page: Page, where: string): Promise<void> {
  await page.evaluate(AxeBuilder.source)
  const found: string[] = await page.evaluate(`
    axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) =>
      violations.map(({ id, nodes }) => id + ': ' + nodes.map(({ html, failureSummary }) => html + ' ' + failureSummary).join('; ')))`)
  assert.equal(found, [], `${where}: ${found.join('\n')}`)
}
