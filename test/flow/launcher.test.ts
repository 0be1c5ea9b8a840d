import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { unzip } from '../../src/sampler/unzip.ts'
import { bad, good } from '../cli/process.ts'
import { test } from '../harness.ts'
import { newFolder } from '../home-peer.ts'
import { until } from '../loopback.ts'
import { beam, WaitingTap } from '../tap/original-tap.ts'
import { ask, bottles, newImage, newSampler, whenListed } from '../tap/sampler-process.ts'

/** Each save adds one to an image-id: an image that is used for years has hundreds. */
const MANY_SAVES = 500

test('a pushed version is a bottle, and its download is a zip that a launcher imports', async (t) => {
  const { path } = newImage(t)
  symlinkSync('pharo.version', join(path, 'link'))
  mkdirSync(join(path, 'pharo-local/empty'))
  writeFileSync(join(path, 'Größe & <b>.txt'), '')
  const sampler = await newSampler(t)
  const pushed = await good(t, sampler.home, 'push', path)
  const [bottle] = await bottles(sampler.url)
  assert.equal([bottle.name, bottle.imageId, bottle.version], ['Ants', pushed['image-id'], [0, 0, 1]])
  assert.is(bottle.size, pushed.size)
  const url = `/download/${bottle['glas-id']}`
  const { status, headers, body } = await ask(sampler.url, url)
  assert.equal([status, headers['content-type']], [200, 'application/zip'])
  assert.is(Number(headers['content-length']), body.length)
  const folder = newFolder(t)
  writeFileSync(join(folder, 'got.zip'), body)
  const reserve = async () => {}
  const top = await unzip(join(folder, 'got.zip'), join(folder, 'out'), { signal: t.signal, reserve })
  assert.is(top, join(folder, 'out', 'Ants'))
  const files = readdirSync(top)
  for (const file of [
    'Ants.image',
    'Ants.changes',
    'pharo.version',
    'Pharo8.0-32bit-0932da8.sources',
    'Größe & <b>.txt',
  ]) {
    assert.ok(files.includes(file), file)
    assert.ok(readFileSync(join(top, file)).equals(readFileSync(join(path, file))), file)
  }
  assert.is(readFileSync(join(top, 'link'), 'utf8'), '80\n')
  assert.equal(readdirSync(join(top, 'pharo-local/empty')), [])
  assert.is(files.filter((file) => file.endsWith('.image')).length, 1)
})

test('a download that broke off goes on with a range, and a wrong range is said to be one', async (t) => {
  const { path } = newImage(t)
  const sampler = await newSampler(t)
  await good(t, sampler.home, 'push', path)
  const [bottle] = await bottles(sampler.url)
  const url = `/download/${bottle['glas-id']}`
  const { body, headers } = await ask(sampler.url, url)
  const size = body.length
  const get = (range: string, more = {}) => ask(sampler.url, url, { headers: { range, ...more } })
  for (const [range, start, end] of [
    ['bytes=0-9', 0, 10],
    ['bytes=500000-', 500_000, size],
    ['bytes=-100', size - 100, size],
    [`bytes=1000-${size + 5}`, 1000, size],
    ['bytes=29-31', 29, 32],
  ] as const) {
    const part = await get(range)
    assert.is(part.status, 206, range)
    assert.is(part.headers['content-range'], `bytes ${start}-${end - 1}/${size}`)
    assert.ok(part.body.equals(body.subarray(start, end)), range)
  }
  assert.is((await get(`bytes=${size}-`)).status, 416)
  assert.is((await get('bytes=0-1,5-6')).status, 200)
  assert.is((await get('bytes=0-9', { 'if-range': '"another"' })).status, 200)
  assert.is((await get('bytes=0-9', { 'if-range': headers.etag })).status, 206)
  const head = await ask(sampler.url, url, { method: 'HEAD' })
  assert.equal([head.status, Number(head.headers['content-length']), head.body.length], [200, size, 0])
  assert.is((await ask(sampler.url, `/download/${'0'.repeat(32)}`)).status, 404)
  assert.is((await ask(sampler.url, '/download/..%2F..%2Fkeys')).status, 400)
})

test('an image-id of 500 saves is found among the later ones', async (t) => {
  const sampler = await newSampler(t)
  const { zip, record } = newImage(t)
  const earlier = `${record.imageId}${'-0a1b'.repeat(MANY_SAVES)}`
  await beam(sampler.url, { ...record, imageId: `${earlier}-ffff` }, zip)
  await until(() => sampler.said().includes('Took'), 20_000)
  const found = async (id: string) => JSON.parse((await ask(sampler.url, `/launcher-supercedes/${id}`)).text).length
  assert.equal([await found(earlier), await found(record.imageId ?? ''), await found(`${earlier}-ffff`)], [1, 1, 0])
  assert.is(await found(`${earlier}-ff`), 0)
  assert.is((await ask(sampler.url, '/launcher-supercedes')).status, 404)
})

test('removing asks on GET, and lets the version go on POST and DELETE', async (t) => {
  const sampler = await newSampler(t)
  for (const name of ['Ants', '<b>Bees']) await good(t, sampler.home, 'push', newImage(t, { name }).path)
  const [bees, ants] = (await bottles(sampler.url)).sort((a: { name: string }, b: { name: string }) =>
    a.name < b.name ? -1 : 1,
  )
  const asked = await ask(sampler.url, `/remove/${bees['glas-id']}`)
  assert.is(asked.status, 200)
  assert.match(asked.text, '&#60;b&#62;Bees')
  assert.not.match(asked.text, '<b>Bees')
  assert.is((await bottles(sampler.url)).length, 2)
  const posted = await ask(sampler.url, `/remove/${bees['glas-id']}`, { method: 'POST' })
  assert.equal([posted.status, posted.headers.location], [302, '/'])
  const deleted = await ask(sampler.url, `/remove/${ants['glas-id']}`, { method: 'DELETE' })
  assert.is(deleted.status, 204)
  assert.equal(await bottles(sampler.url), [])
  assert.is((await ask(sampler.url, `/remove/${ants['glas-id']}`, { method: 'POST' })).status, 404)
})

test('the page is served for every query of the original one, and holds no name of anything', async (t) => {
  const sampler = await newSampler(t)
  await good(t, sampler.home, 'push', newImage(t, { name: 'Bees' }).path)
  const { status, headers, text } = await ask(sampler.url, '/?name=Be&host=&supercedes=0123')
  assert.equal([status, headers['content-type']], [200, 'text/html; charset=utf-8'])
  assert.not(text.includes('Bees'))
  const scripts = [...text.matchAll(/(?:src|href)="(\/page\/[^"]+)"/g)].map(([, path]) => String(path))
  assert.ok(scripts.includes('/page/main.js'))
  for (const path of scripts) {
    const first = await ask(sampler.url, path)
    assert.is(first.status, 200, path)
    const again = await ask(sampler.url, path, { headers: { 'if-none-match': String(first.headers.etag) } })
    assert.equal([again.status, again.text], [304, ''])
  }
  for (const path of ['/page/nothing.js', '/page/..%2fsampler.ts', '/page/tsconfig.json', '/page/constructor']) {
    assert.is((await ask(sampler.url, path)).status, 404, path)
  }
})

test('a form of a page asks an image, as the launcher does', async (t) => {
  const sampler = await newSampler(t)
  const name = '<script>alert(1)</script>'
  const tap = await WaitingTap.start(sampler.url, { host: 'h', path: '/p', name, imageId: 'a'.repeat(40) })
  await whenListed(sampler.url, 1)
  const form = new URLSearchParams({ host: 'h', path: '/p', name })
  const asked = await ask(sampler.url, '/upload', { method: 'POST', body: String(form) })
  assert.equal([asked.text, await until(() => tap.requests.length === 1)], ['OK', undefined])
})

test('a port that is taken is replaced by another, and the daemon says which', async (t) => {
  const sampler = await newSampler(t)
  const other = newFolder(t)
  await good(t, other, 'config', 'http', new URL(sampler.url).host)
  const second = await newSampler(t, other)
  assert.is.not(second.url, sampler.url)
  assert.is((await ask(second.url, '/launcher-bottles')).status, 200)
  assert.match(second.said(), 'is taken')
})

test('another address than loopback is refused; `off` serves nothing', async (t) => {
  const home = newFolder(t)
  for (const address of ['0.0.0.0:8801', '192.168.1.5:8801', 'localhost.evil.example:80', '127.0.0.1:99999']) {
    assert.is((await bad(t, home, 'config', 'http', address)).code, 'InvalidConfig')
  }
  await good(t, home, 'config', 'http', 'off')
  assert.is((await newSampler(t, home)).url, '')
  assert.equal((await good(t, home, 'live')).taps, [])
})
