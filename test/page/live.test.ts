import * as assert from 'uvu/assert'
import { good } from '../cli/process.ts'
import { test } from '../harness.ts'
import { until } from '../loopback.ts'
import { beam } from '../tap/original-tap.ts'
import { noBrowser, openTab } from './browser.ts'
import { newScene, runImage, untilCopied, Work } from './scene.ts'

const options = { skip: noBrowser, limitMs: 300_000 }
const MARKUP = '<b>Bees</b> 🐝'.replace('/', '')

test(
  'an image that runs is asked by a click, its progress is shown, and the new version appears',
  async (t) => {
    const scene = await newScene(t)
    const { page } = await openTab(t)
    await page.goto(scene.sampler.url)
    await page.getByText('No image is connected.').waitFor()
    const work = Work.begin(scene, MARKUP, { path: '/home/ada/bees' })
    const zip = work.prepare()
    const tap = await runImage(scene, work.record)
    await page.locator('.tap-name', { hasText: MARKUP }).waitFor()
    await page.getByRole('button', { name: `Take snapshot of ${MARKUP}` }).click()
    await page.locator('.tap progress').waitFor()
    assert.ok(await page.locator('.tap button').first().isDisabled())
    await until(() => tap.requests.length === 1)
    await beam(scene.sampler.url, work.record, zip)
    const outcome = page.locator('.tap .outcome', { hasText: `Took ${MARKUP}@0.0.1` })
    await outcome.getByRole('button').click()
    await page.getByRole('heading', { name: `${MARKUP}@0.0.1` }).waitFor()
    await page.getByRole('treeitem', { name: `${MARKUP} 0.0.1` }).waitFor()
    tap.stop()
    await page.getByText('No image is connected.').waitFor()
  },
  options,
)

test(
  'a snapshot that does not come says why',
  async (t) => {
    const scene = await newScene(t)
    const { record } = Work.begin(scene, 'Wasps')
    const tap = await runImage(scene, record, () => tap.stop())
    const { page } = await openTab(t)
    await page.goto(scene.sampler.url)
    await page.getByRole('button', { name: 'Take snapshot of Wasps' }).click()
    await page.locator('.transfer .outcome.bad', { hasText: 'went away' }).waitFor()
  },
  options,
)

test(
  'peers, transfers and the stock are shown as they are now, and so is who holds a version',
  async (t) => {
    const scene = await newScene(t, { hasPeer: true })
    await Work.begin(scene, 'Ants').save(1)
    await untilCopied(t, scene, 'Ants')
    const { page } = await openTab(t)
    await page.goto(scene.sampler.url)
    await page.locator('.peer', { hasText: 'cluster' }).getByText('connected').waitFor()
    await page.getByRole('meter', { name: /used, .* free on the disk/ }).waitFor()
    await page.locator('#stock', { hasText: '1 version kept' }).waitFor()
    await page.locator('.row.version .mark.proved').waitFor()
    await page.getByRole('treeitem', { name: /^Ants 0\.0\.1 .*2 copies/ }).click()
    await page.getByRole('tab', { name: 'Holders' }).click()
    await page.getByRole('tabpanel').getByText('proved').waitFor()
    await page.getByRole('button', { name: 'Pin', exact: true }).click()
    await page.locator('.transfer', { hasText: 'pin' }).waitFor()
    await good(t, `${scene.folder}/cluster`, 'daemon', 'stop')
    await page.locator('.peer', { hasText: 'cluster' }).getByText('away').waitFor()
  },
  options,
)
