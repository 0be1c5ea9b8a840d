/**
 * How quick the page is with very many versions, in a real browser: one CSV row for each thing that a person waits for.
 * `node test/bench/page.ts [versions] [glases]`
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { newFolder } from '../home-peer.ts'
import { noBrowser, openTab } from '../page/browser.ts'
import { writeMany } from '../page/many.ts'
import { startSampler } from '../tap/sampler-process.ts'

const RUNS = 10
/** A person's wheel turns this far at a time. */
const WHEEL_PX = 600

if (noBrowser !== undefined) throw new Error(noBrowser)
const [, , versions = '10000', glases = '4'] = process.argv
const cleanUps: Array<() => unknown> = []
const t = { after: (cleanUp: () => unknown) => void cleanUps.push(cleanUp), signal: new AbortController().signal }

try {
  const home = join(newFolder(t), 'home')
  mkdirSync(home)
  const config = { http: '127.0.0.1:0', name: 'laptop', listen: ['127.0.0.1:0'] }
  writeFileSync(join(home, 'config.json'), JSON.stringify(config))
  await writeMany(home, Number(versions), Number(glases))
  const { url } = await startSampler(t, home)
  const { page } = await openTab(t)
  const all = Number(versions).toLocaleString('en')
  console.log('what,versions,median ms,worst ms')
  for (const what of ['first visit', 'later visit']) {
    const startMs = performance.now()
    await page.goto(url)
    await page.locator('.row.version').first().waitFor()
    await page.locator('#found', { hasText: `${all} versions` }).waitFor()
    row(what, [performance.now() - startMs])
  }
  const words = Array.from({ length: RUNS }, (_, at) => `host:node${at % Number(glases)} 0.0.${at + 1}`)
  row('search', await search(page, words))
  row(
    'scroll',
    await scroll(
      page,
      steps((at) => at * WHEEL_PX),
    ),
  )
  row(
    'jump',
    await scroll(
      page,
      steps((at) => (at % 2 === 0 ? 1e9 : 0)),
    ),
  )
} finally {
  for (const cleanUp of cleanUps.reverse()) await cleanUp()
}

/** From the event to the end of the work on the document that it causes, without the pause that typing is given. */
function search(page: Page, texts: string[]): Promise<number[]> {
  return page.evaluate(async (all) => {
    const { store } = await import(String('/page/store.js'))
    const times: number[] = []
    for (const text of all) {
      const startMs = performance.now()
      await store.search(text)
      await Promise.resolve()
      document.body.getBoundingClientRect()
      times.push(performance.now() - startMs)
    }
    await store.search('')
    return times
  }, texts)
}

/** The whole frame: rows, styles, layout. */
function scroll(page: Page, steps: number[]): Promise<number[]> {
  return page.evaluate(async (all) => {
    const tree = document.getElementById('tree') as HTMLElement
    const times: number[] = []
    for (const step of all) {
      const startMs = performance.now()
      tree.scrollTop = step
      tree.dispatchEvent(new Event('scroll'))
      await new Promise((resolve) => requestAnimationFrame(resolve))
      document.body.getBoundingClientRect()
      times.push(performance.now() - startMs)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    return times
  }, steps)
}

function steps(topOf: (at: number) => number): number[] {
  return Array.from({ length: RUNS }, (_, at) => topOf(at))
}

function row(what: string, ms: number[]): void {
  const sorted = [...ms].sort((a, b) => a - b)
  const median = sorted[sorted.length >> 1] ?? 0
  console.log([what, versions, median.toFixed(1), (sorted.at(-1) ?? 0).toFixed(1)].join(','))
}
