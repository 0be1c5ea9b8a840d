import * as assert from 'uvu/assert'
import { good } from '../cli/process.ts'
import { test } from '../harness.ts'
import { until } from '../loopback.ts'
import { BEHIND_PROXY, cameFrom, upgrading } from '../tap/api.ts'
import { beam } from '../tap/original-tap.ts'
import { noBrowser, openTab } from './browser.ts'
import { newScene, Work } from './scene.ts'

const options = { skip: noBrowser, limitMs: 300_000 }
const BEAM_LIMIT_MS = 60_000

test(
  'a link signs one tab in, once; its code leaves the address, and what it may not do cannot be clicked',
  async (t) => {
    const scene = await newScene(t)
    await Work.begin(scene, 'Ants').save(2)
    await Work.begin(scene, 'Traffic').save(1)
    const { 'glas-id': glasId } = await good(t, scene.sampler.home, 'show', 'Ants')
    const { url } = await good(t, scene.sampler.home, 'open', '--print', '--role', 'viewer', '--glas', glasId)
    const { page } = await openTab(t)
    await page.goto(url)
    await page.getByText('You may look, and change nothing.').waitFor()
    await page.locator('#found', { hasText: '1 version in 1 glas' }).waitFor()
    assert.not(page.url().includes('code'))
    await page.getByRole('treeitem', { name: /^Ants 0\.0\.1/ }).click()
    assert.ok(await page.getByRole('button', { name: 'Forget', exact: true }).isDisabled())
    assert.not(await page.locator('#stock').isVisible())
    const download = page.waitForEvent('download')
    await page.getByRole('button', { name: 'Download' }).click()
    assert.is(await (await download).failure(), null)
    await page.reload()
    await page.locator('#found', { hasText: '1 version in 1 glas' }).waitFor()

    const second = await page.context().newPage()
    await second.goto(url)
    await second.getByRole('heading', { name: 'Sign in to PintGlas' }).waitFor()
    await second.getByText('This link was used already').waitFor()
  },
  options,
)

test(
  'what came without a token waits on the page until it is accepted or refused',
  async (t) => {
    const scene = await newScene(t, { settings: { ...BEHIND_PROXY, httpTaps: ['203.0.113.0/24'] } })
    const headers = upgrading(cameFrom('203.0.113.5'))
    const { page } = await openTab(t)
    await page.goto(scene.sampler.url)
    await page.getByRole('heading', { name: 'No version yet' }).waitFor()
    for (const name of ['Ants <i>', 'Wasps']) {
      const work = Work.begin(scene, name)
      const zip = work.prepare()
      await beam(scene.sampler.url, work.record, zip, { headers })
    }
    await until(() => scene.sampler.said().match(/without a token and waits/g)?.length === 2, BEAM_LIMIT_MS)
    const card = (name: string) => page.locator('#waiting .tap', { hasText: name })
    await card('Ants <i>').getByText('from 203.0.113.5').waitFor()
    await card('Wasps').getByRole('button', { name: 'Refuse' }).click()
    await card('Wasps').waitFor({ state: 'detached' })
    await card('Ants <i>').getByRole('button', { name: 'Accept' }).click()
    await page.getByRole('treeitem', { name: /^Ants <i> 0\.0\.1/ }).waitFor()
    await page.getByRole('heading', { name: 'Waiting for you' }).waitFor({ state: 'hidden' })
    assert.is(await page.locator('.tree i').count(), 0)
  },
  options,
)
