import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import * as assert from 'uvu/assert'
import { unzip } from '../../src/sampler/unzip.ts'
import { good } from '../cli/process.ts'
import { test } from '../harness.ts'
import { newFolder } from '../home-peer.ts'
import { noBrowser, openTab } from './browser.ts'
import { newScene, type Scene, Work } from './scene.ts'

const LIMIT_MS = 300_000
const options = { skip: noBrowser, limitMs: LIMIT_MS }
const MARKUP = 'Größe <b>&amp; 🐜'

/** Two versions of a glas whose name holds markup, and a page that shows the second. */
async function newest(t: Parameters<typeof openTab>[0]) {
  const scene = await newScene(t)
  const work = Work.begin(scene, MARKUP, { path: `/home/ada/${MARKUP}` })
  await work.save(30)
  await work.save(2)
  const seen = await openTab(t, { permissions: ['clipboard-read', 'clipboard-write'], acceptDownloads: true })
  await seen.page.goto(scene.sampler.url)
  await seen.page.getByRole('treeitem', { name: `${MARKUP} 0.0.2` }).click()
  await seen.page.getByRole('tab', { name: 'Changes' }).waitFor()
  return { scene, ...seen, shown: await good(t, scene.sampler.home, 'show', `${MARKUP}@0.0.2`) }
}

const toast = (page: Page, text: string) => page.locator('.toast', { hasText: text }).first().waitFor()

test(
  'a version tells what changed since its parent: files with their sizes, and methods out of the .changes',
  async (t) => {
    const { page, complaints } = await newest(t)
    await page.getByText('What changed since 0.0.1').waitFor()
    await page.locator('.shared-bytes', { hasText: 'shared' }).waitFor()
    const file = page.locator('.file.changed', { hasText: '.changes' })
    assert.match(await file.innerText(), /\+\d[\d.]* KiB/)
    const method = page.locator('.code-change.method').first()
    assert.match(await method.innerText(), /^method\s*\w+»\w+/)
    await method.locator('summary').click()
    assert.match(await method.locator('pre').innerText(), /Answer the/)
    await page.getByRole('button', { name: 'since 0.0.1' }).click()
    await page.getByText('The first version of its line').waitFor()
    assert.equal(
      complaints.filter((text) => !text.includes('404')),
      [],
    )
  },
  options,
)

test(
  'files, the record and the holders are shown, each at its tab',
  async (t) => {
    const { page, shown } = await newest(t)
    await page.getByRole('tab', { name: 'Files' }).click()
    await page.locator('.file .path', { hasText: `${MARKUP}.image` }).waitFor()
    await page.getByRole('searchbox', { name: 'Filter files by path' }).fill('.sources')
    await page.locator('.file .path', { hasText: `${MARKUP}.image` }).waitFor({ state: 'detached' })
    await page.keyboard.press('Tab')
    await page.getByRole('tab', { name: 'Files' }).focus()
    await page.keyboard.press('ArrowRight')
    for (const text of [shown['glas-id'], shown.record, shown['image-id'], shown.contents, `/home/ada/${MARKUP}`]) {
      await page.getByRole('tabpanel').getByText(text, { exact: true }).first().waitFor()
    }
    await page.keyboard.press('ArrowRight')
    await page.getByText('It is only on this machine.').waitFor()
    assert.is(await page.locator('#panel b').count(), 0)
  },
  options,
)

test(
  'the pull command that is copied holds a glas-id and a version, and no name',
  async (t) => {
    const { page, shown } = await newest(t)
    await page.getByRole('button', { name: 'Copy the pull command' }).click()
    await toast(page, 'Copied')
    const copied = await page.evaluate('navigator.clipboard.readText()')
    assert.is(copied, `pintglas pull ${shown['glas-id']}@0.0.2`)
  },
  options,
)

test(
  'the download of a version is a zip of its files',
  async (t) => {
    const { page, scene } = await newest(t)
    const download = page.waitForEvent('download')
    await page.getByRole('button', { name: 'Download' }).click()
    const folder = newFolder(t)
    await (await download).saveAs(join(folder, 'got.zip'))
    const top = await unzip(join(folder, 'got.zip'), join(folder, 'out'), { signal: t.signal, reserve: async () => {} })
    const { directory } = await good(t, scene.sampler.home, 'pull', `${MARKUP}@0.0.2`, join(folder, 'pulled'))
    const image = `${MARKUP}.image`
    assert.ok(readFileSync(join(top, image)).equals(readFileSync(join(directory, image))))
  },
  options,
)

test(
  'tags and notes are written, and tags taken away, without reloading',
  async (t) => {
    const { page, scene } = await newest(t)
    await page.getByRole('button', { name: 'Tag', exact: true }).click()
    await page.getByRole('textbox', { name: 'Tag' }).fill('paper')
    await page.keyboard.press('Enter')
    await page.locator('#panel .chip', { hasText: 'paper' }).waitFor()
    await page.locator('.row.version .chip', { hasText: 'paper' }).waitFor()
    await page.getByRole('button', { name: 'Note', exact: true }).click()
    await page.getByRole('textbox', { name: 'Note' }).fill('<i>fast</i> 🐜')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.locator('.panel-note', { hasText: '<i>fast</i> 🐜' }).waitFor()
    const { note, tags } = await good(t, scene.sampler.home, 'show', `${MARKUP}@0.0.2`)
    assert.equal([note, tags], ['<i>fast</i> 🐜', ['paper']])
    await page.getByRole('button', { name: 'Take the tag paper away' }).click()
    await page.locator('#panel .chip', { hasText: 'paper' }).waitFor({ state: 'detached' })
    await page.getByRole('button', { name: 'Tag', exact: true }).click()
    await page.getByRole('textbox', { name: 'Tag' }).fill('latest')
    await page.keyboard.press('Enter')
    await page.locator('.toast.bad', { hasText: 'InvalidName' }).waitFor()
  },
  options,
)

test(
  'a version is pinned and unpinned; the only copy only after a question',
  async (t) => {
    const { page, scene } = await newest(t)
    await page.getByRole('button', { name: 'Pin', exact: true }).click()
    await page.getByRole('button', { name: 'Unpin', exact: true }).click()
    const question = page.getByRole('dialog', { name: 'Unpin the only copy?' })
    await question.getByRole('button', { name: 'Cancel' }).click()
    await question.waitFor({ state: 'detached' })
    assert.ok(await here(scene))
    await page.getByRole('button', { name: 'Unpin', exact: true }).click()
    await question.getByRole('button', { name: 'Unpin it' }).click()
    await page.locator('#panel', { hasText: 'not here' }).waitFor()
    assert.not(await here(scene))

    async function here({ sampler }: Scene): Promise<boolean> {
      return (await good(t, sampler.home, 'show', `${MARKUP}@0.0.2`)).here
    }
  },
  options,
)

test(
  'forgetting a version can be undone for a while',
  async (t) => {
    const { page, scene } = await newest(t)
    await page.getByRole('button', { name: 'Forget', exact: true }).click()
    await toast(page, 'Forgetting')
    await page.locator('.row.gone', { hasText: 'being forgotten' }).waitFor()
    await page.locator('.toast').getByRole('button', { name: 'Undo' }).click()
    await toast(page, 'It stays.')
    await page.locator('.row.gone').waitFor({ state: 'detached' })
    const { versions } = await good(t, scene.sampler.home, 'log', MARKUP)
    assert.equal(
      versions.map((one: { retracted: boolean }) => one.retracted),
      [false, false],
    )
  },
  options,
)
