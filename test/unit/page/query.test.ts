import * as assert from 'uvu/assert'
import { ago, plain, size } from '../../../src/sampler/page/format.js'
import { askedOf, matcher, parseQuery, textFromParameters, withField } from '../../../src/sampler/page/query.js'
import { rowsOf } from '../../../src/sampler/page/rows.js'
import type { Glas, Version } from '../../../src/sampler/page/shapes.d.ts'
import { test } from '../../harness.ts'

const version = (given: Partial<Version>): Version => ({
  record: 'bafy',
  version: '0.0.1',
  date: '2026-01-31T13:05:09.123456+01:00',
  size: 1,
  writer: 'laptop',
  tags: [],
  note: '',
  retracted: false,
  fork: false,
  here: true,
  forgetting: false,
  pins: ['own'],
  holders: [],
  host: 'node042',
  path: '/home/ada/my ants',
  parent: null,
  via: 'none',
  depth: 0,
  ...given,
})
const glas = (...versions: Version[]): Glas => ({
  'glas-id': 'ab'.repeat(16),
  'image-name': 'Ants <b>',
  own: true,
  versions,
})

test('words and fields are found wherever they stand, without regard to case', () => {
  const one = version({ tags: ['Paper'], note: 'before the flood' })
  const finds = (text: string) => matcher(parseQuery(text), undefined)(glas(one), one)
  for (const text of [
    '',
    'flood',
    'FLOOD before',
    'host:node',
    'path:"my ants"',
    'name:<B>',
    'tag:pap',
    'by:lap',
    '"the flood"',
    'is:here is:tagged',
    'ants',
    '0.0.1',
    'abab',
  ]) {
    assert.ok(finds(text), text)
  }
  for (const text of [
    'fire',
    'host:laptop',
    'tag:x',
    'path:"your ants"',
    'is:fork',
    'is:nonsense',
    'flood fire',
    'is:constructor',
  ]) {
    assert.not(finds(text), text)
  }
})

test('a date is a beginning, or a range', () => {
  const one = version({})
  const finds = (text: string) => matcher(parseQuery(text), undefined)(glas(one), one)
  for (const text of [
    'date:2026',
    'date:2026-01-31',
    'date:2026-01..2026-02',
    'date:2026-01-31..',
    'date:..2026-01',
    'date:2026-01-31..2026-01-31',
  ]) {
    assert.ok(finds(text), text)
  }
  for (const text of ['date:2025', 'date:2026-02..', 'date:..2025', 'date:2026-01-01..2026-01-30'])
    assert.not(finds(text), text)
})

test('the form writes into the field, and takes away what is empty', () => {
  assert.is(withField('flood', 'host', 'laptop'), 'flood host:laptop')
  assert.is(withField('host:laptop flood', 'host', 'my host'), 'flood host:"my host"')
  assert.is(withField('flood path:"/a b"', 'path', ''), 'flood')
  assert.is(withField('"two words" tag:x', 'tag', 'y'), '"two words" tag:y')
  assert.equal(parseQuery(withField('', 'path', 'a"b c')).fields, { path: ['ab c'] })
})

test('parameters of the original page become a search; image-ids are asked of the daemon', () => {
  const text = textFromParameters(new URLSearchParams('host=a&path=/x y&name=&imageId=12&successor=34&evil=1'))
  assert.is(text, 'host:a path:"/x y" imageId:12 successor:34')
  assert.is(String(askedOf(parseQuery(text))), 'imageId=12&successor=34')
  assert.is(askedOf(parseQuery('host:a')), undefined)
  const one = version({ host: 'a', path: '/x y' })
  assert.ok(matcher(parseQuery(text), new Set(['bafy']))(glas(one), one))
  assert.not(matcher(parseQuery(text), new Set())(glas(one), one))
})

test('versions that a search leaves out are skipped by the lines between the others', () => {
  const list = ['d', 'c', 'b', 'a'].map((record, at, all) =>
    version({ record, parent: all[at + 1] ?? null, via: 'record', note: 'ad'.includes(record) ? 'keep' : '' }),
  )
  const isMeant = matcher(parseQuery('note:keep'), undefined)
  const rows = rowsOf([glas(...list)], { isMeant, isFiltered: true, closed: new Set() })
  assert.equal(
    rows.map(({ key }) => key),
    ['ab'.repeat(16), 'd', 'a'],
  )
  const [, first, second] = rows
  assert.is(first?.kind === 'version' && first.lanes.leaving?.style, 'skipped')
  assert.is(second?.kind === 'version' && second.lanes.arriving.length, 1)
  assert.is(rowsOf([glas(...list)], { isMeant: () => false, isFiltered: true, closed: new Set() }).length, 0)
  assert.is(rowsOf([glas(...list)], { isMeant, isFiltered: false, closed: new Set(['ab'.repeat(16)]) }).length, 1)
})

test('sizes, ages and names are written for people, and nothing in a name stays unseen', () => {
  assert.equal([size(0), size(1023), size(1536), size(5 * 1024 ** 3)], ['0 B', '1023 B', '1.5 KiB', '5.0 GiB'])
  const now = Date.parse('2026-02-01T00:00:00Z')
  assert.equal(
    [ago('2026-01-31T23:59:50Z', now), ago('2026-01-31T00:00:00Z', now), ago('never', now)],
    ['just now', 'yesterday', ''],
  )
  assert.is(plain('a\u202eb\u0000\u200b🐜'), 'a\ufffdb\ufffd\ufffd🐜')
  assert.is([...plain('x'.repeat(1000))].length, 301)
})
