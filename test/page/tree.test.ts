import * as assert from 'uvu/assert'
import { good } from '../cli/process.ts'
import { test } from '../harness.ts'
import { noBrowser, openTab } from './browser.ts'
import { fillScene, newScene, type Scene, Work } from './scene.ts'

/** A scene of twenty snapshots, on a machine that is shared. */
const LIMIT_MS = 300_000
const options = { skip: noBrowser, limitMs: LIMIT_MS }
/** Filled once for the tests that only look; the last test of the file ends it. */
let filled: Promise<Scene> | undefined
const cleanUps: Array<() => unknown> = []

function filledScene(): Promise<Scene> {
  const context = {
    after: (cleanUp: () => unknown) => void cleanUps.push(cleanUp),
    signal: new AbortController().signal,
  }
  filled ??= newScene(context).then(async (scene) => {
    await fillScene(context, scene)
    return scene
  })
  return filled
}

const MARKUP = 'Größe <b>&amp; 🐜'

test(
  'every glas is shown with its versions as a tree: forks side by side, tags, notes, machines, sizes and ages',
  async (t) => {
    const scene = await filledScene()
    const { page, complaints } = await openTab(t)
    await page.goto(scene.sampler.url)
    await page.getByRole('treeitem', { name: /^Ants 12 versions/ }).waitFor()
    const row = (version: string) => {
      const number = page.locator('.number', { hasText: new RegExp(`${version.replaceAll('.', '\\.')}$`) })
      return page.locator('.row.version', { has: number }).first()
    }
    assert.match(
      await row('0.0.12').innerText(),
      /paper[\s\S]*Ran with 10,000 agents[\s\S]*laptop:\/home\/ada\/Ants[\s\S]*3 hours ago/,
    )
    await page.getByRole('treeitem', { name: /^Ants 0\.0\.10 node042:.* yesterday 1 copy$/ }).waitFor()
    const xOf = (version: string) => row(version).locator('circle').getAttribute('cx')
    const [trunk, swim, wings] = await Promise.all(['0.0.12', '0.0.10', '0.0.9'].map(xOf))
    assert.is(new Set([trunk, swim, wings]).size, 3, 'three lines of work stand side by side')
    assert.is(await xOf('0.0.5'), swim)
    assert.is(await xOf('0.0.11'), trunk)
    assert.is(await row('0.0.3').locator('.edge').count(), 3, 'trunk and fork come in, the trunk goes on')

    assert.is(await page.locator('.title-name', { hasText: 'Größe' }).innerText(), MARKUP)
    assert.is(await page.locator('.tree b').count(), 0)
    await page.getByRole('treeitem', { name: /^Ants 12 versions/ }).click()
    await page.getByText('Ran with 10,000 agents', { exact: false }).waitFor({ state: 'detached' })
    await page.getByRole('treeitem', { name: /^Ants 12 versions/ }).click()
    await page.getByRole('button', { name: /^Traffic/ }).click()
    await row('0.0.4').waitFor()
    assert.is(await page.getByRole('treeitem', { level: 1 }).count(), 1)
    assert.equal(
      complaints.filter((text) => !text.includes('404')),
      [],
    )
  },
  options,
)

test(
  'the search and its filters find by host, path, name, tag, date and words, in an address that can be kept',
  async (t) => {
    const scene = await filledScene()
    const { page } = await openTab(t)
    await page.goto(scene.sampler.url)
    await page.locator('#found', { hasText: '17 versions in 3 glases' }).waitFor()
    const finds = async (text: string, found: string) => {
      await page.getByRole('searchbox', { name: 'Search versions' }).fill(text)
      await page.locator('#found', { hasText: found }).waitFor()
    }
    await finds('swim', 'Found 3 versions in 1 glas')
    await finds('host:node017', 'Found 1 version in 1 glas')
    await finds('tag:paper', 'Found 1 version in 1 glas')
    await finds('nothing like this', 'Found 0 versions in 0 glases')
    await page.getByRole('heading', { name: 'Nothing matches' }).waitFor()
    await finds('', '17 versions in 3 glases')
    await page.getByRole('button', { name: 'Filters' }).click()
    await page.getByLabel('name', { exact: true }).fill('traf')
    await page.locator('#found', { hasText: 'Found 4 versions in 1 glas' }).waitFor()
    await page.getByLabel('tag', { exact: true }).fill('jam')
    await page.locator('#found', { hasText: 'Found 1 version in 1 glas' }).waitFor()
    assert.is(await page.getByRole('searchbox', { name: 'Search versions' }).inputValue(), 'name:traf tag:jam')
    const year = new Date().getFullYear()
    await page.getByLabel('date', { exact: true }).fill(`..${year - 1}`)
    await page.locator('#found', { hasText: 'Found 0 versions' }).waitFor()
    await page.keyboard.press('Escape')
    assert.not(await page.getByLabel('date', { exact: true }).isVisible())

    const { 'image-id': imageId } = await good(t, scene.sampler.home, 'show', 'Ants@0.0.3')
    await page.goto(`${scene.sampler.url}?host=laptop&name=Ants`)
    await page.locator('#found', { hasText: 'Found 8 versions in 1 glas' }).waitFor()
    await page.goto(`${scene.sampler.url}?supercedes=${imageId}`)
    await page.locator('#found', { hasText: 'Found 9 versions in 1 glas' }).waitFor()
    await page.goto(`${scene.sampler.url}?successor=${imageId}`)
    await page.locator('#found', { hasText: 'Found 2 versions in 1 glas' }).waitFor()
  },
  options,
)

test(
  'a version that comes, a tag and a note appear by themselves, and an empty stock says what to do',
  async (t) => {
    t.after(async () => {
      for (const cleanUp of cleanUps.reverse()) await cleanUp()
    })
    const scene = await newScene(t)
    const { page } = await openTab(t)
    await page.goto(scene.sampler.url)
    await page.getByRole('heading', { name: 'No version yet' }).waitFor()
    await page.getByText('pintglas push').waitFor()
    const work = Work.begin(scene, MARKUP, { path: '/home/ada/<script>alert(1)</script>' })
    await work.save(1)
    await page.getByText('laptop:/home/ada/<script>alert(1)</script>').first().waitFor()
    await good(t, scene.sampler.home, 'tag', `${MARKUP}@0.0.1`, 'first')
    await page.locator('.chip', { hasText: 'first' }).waitFor()
    await good(t, scene.sampler.home, 'note', `${MARKUP}@0.0.1`, '<img src=x onerror=alert(1)> \u202eevil')
    await page.locator('.note', { hasText: '<img src=x onerror=alert(1)> \ufffdevil' }).waitFor()
  },
  options,
)
