import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { test } from '../harness.ts'
import { newFolder } from '../home-peer.ts'
import { startSampler } from '../tap/sampler-process.ts'
import { noBrowser, openTab } from './browser.ts'
import { writeMany } from './many.ts'

const VERSIONS = 10_000
/** What a screen holds, and what is kept ready above and below it. */
const MAX_ROWS_IN_DOCUMENT = 80

test(
  'of ten thousand versions only those on the screen are in the document, and all are found and reached',
  async (t) => {
    const home = join(newFolder(t), 'home')
    mkdirSync(home)
    writeFileSync(
      join(home, 'config.json'),
      JSON.stringify({ http: '127.0.0.1:0', name: 'laptop', listen: ['127.0.0.1:0'] }),
    )
    await writeMany(home, VERSIONS, 4)
    const { url } = await startSampler(t, home)
    const { page, complaints } = await openTab(t)
    await page.goto(url)
    await page.locator('#found', { hasText: '10,000 versions in 4 glases' }).waitFor()
    const rows = () => page.locator('.row').count()
    assert.ok((await rows()) < MAX_ROWS_IN_DOCUMENT)
    await page.locator('#tree').focus()
    await page.keyboard.press('End')
    await page.getByRole('treeitem', { name: /^Colony \d 0\.0\.1 / }).waitFor()
    await page.locator('#tree').evaluate((tree) => {
      tree.scrollTop = tree.scrollHeight / 2
    })
    await page.locator('.row.version').first().waitFor()
    assert.ok((await rows()) < MAX_ROWS_IN_DOCUMENT)
    await page.getByRole('searchbox', { name: 'Search versions' }).fill('host:node2 0.0.777')
    await page.locator('#found', { hasText: 'Found 1 version in 1 glas' }).waitFor()
    await page.getByRole('treeitem', { name: /^Colony 2 0\.0\.777 / }).click()
    await page.getByRole('heading', { name: 'Colony 2@0.0.777' }).waitFor()
    assert.equal(
      complaints.filter((text) => !text.includes('404')),
      [],
    )
  },
  { skip: noBrowser, limitMs: 300_000 },
)
