import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { chart } from '../../bench/chart.ts'
import { type Row, readRows, writeRows } from '../../bench/results.ts'
import { stepsTable } from '../../bench/steps.ts'
import { medianOf, mediansOf, scenarioTables } from '../../bench/summary.ts'
import { test } from '../../harness.ts'
import { newFolder } from '../../home-peer.ts'

const row = (tool: string, round: number, seconds: number): Row => ({
  machine: '2 x Processor',
  commit: 'abc',
  date: '2026-01-01T00:00',
  scenario: 'push',
  what: 'first push',
  tool,
  round,
  load: 1.5,
  seconds,
  cpuSeconds: 1,
  rssBytes: 5e6,
  bytes: 2048,
})
const ROWS = [row('pintglas', 1, 2), row('borg', 1, 5), row('pintglas', 2, 1), row('borg', 2, 4), row('pintglas', 3, 9)]

test('rows that are written are read again as they were', async (t) => {
  const path = join(newFolder(t), 'results.csv')
  assert.equal(readRows(path), [])
  writeRows(path, ROWS)
  assert.equal(readRows(path), ROWS)
})

test('medians are of the runs of one tool at one work, and a ratio above one is a slower peer', () => {
  assert.is(medianOf([3, 1, 2]), 2)
  assert.is(medianOf([4, 1, 2, 3]), 2.5)
  assert.equal(
    mediansOf(ROWS).map(({ tool, seconds, runs }) => `${tool} ${seconds} ${runs}`),
    ['pintglas 2 3', 'borg 4.5 2'],
  )
  assert.match(scenarioTables('a work', ROWS), '| first push | borg | 2 | 4.50 | 2.25 x | 1.00 | 5 | 2.0 |')
})

test('a chain is judged by its steps, without the first and without what is random', () => {
  const step = (what: string, tool: string, bytes: number) => ({ ...row(tool, 1, 1), what, bytes })
  const table = stepsTable([
    step('v1: first', 'pintglas', 5000),
    step('v2: edit', 'pintglas', 100),
    step('v2: edit', 'borg', 1000),
    step('v3: noise', 'random bytes alone', 4000),
    step('v3: noise', 'pintglas', 4100),
    step('v3: noise', 'borg', 5000),
    step('v4: edit', 'pintglas', 100),
    step('v4: edit', 'borg', 3000),
  ])
  assert.match(table, '| borg | 5 | 16.7 x | 10.0 x |')
})

test('a chart shows every series on a logarithmic scale, and names as text', () => {
  const svg = chart({ title: '<a & b>', labels: ['one', 'two'], series: [{ name: 'x', values: [1, 100] }] })
  assert.match(svg, '&lt;a &amp; b&gt;')
  assert.is(svg.match(/<circle/g)?.length, 2)
  assert.match(svg, '>100<')
})
