import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Page } from 'playwright-core'
import * as assert from 'uvu/assert'
import { good } from '../cli/process.ts'
import { test } from '../harness.ts'
import { noBrowser, openTab } from './browser.ts'
import { newScene, runImage, Work } from './scene.ts'

const options = { skip: noBrowser, limitMs: 300_000 }

/** What a hostile page can try with the means of a browser; gives what it got. */
const TRIES = async ([url, socketUrl, record]: [string, string, string]) => {
  const told: string[] = []
  const read = async (what: string, path: string, init: RequestInit) => {
    try {
      const answer = await fetch(url + path, init)
      const text = await answer.text()
      if (answer.ok || answer.type === 'opaque') told.push(`${what}: ${answer.type} ${answer.status} ${text}`)
    } catch {
      // refused, or not readable
    }
  }
  const json = { 'content-type': 'application/json' }
  for (const path of [
    'launcher-bottles',
    'launcher-taps',
    'api/v1/status',
    'api/v1/lineages',
    'api/v1/events',
    'api/v1/taps',
    'api/v1/openapi.json',
    'metrics',
    '',
  ]) {
    await read(`get ${path}`, path, {})
  }
  const triple = JSON.stringify(['laptop', '/home/ada/Ants', 'Ants'])
  await read('upload', 'upload', { method: 'POST', body: triple })
  await read('forget', `api/v1/versions/${record}/forget`, { method: 'POST', headers: json, body: '{"here":true}' })
  await read('forget as text', `api/v1/versions/${record}/forget`, { method: 'POST', body: '{"here":true}' })
  await fetch(`${url}upload`, { method: 'POST', body: triple, mode: 'no-cors' }).catch(() => {})
  await fetch(`${url}api/v1/session`, { method: 'POST', body: '{"code":"x"}', mode: 'no-cors' }).catch(() => {})
  const opened = await new Promise((resolve) => {
    const socket = new WebSocket(`${socketUrl}taps/`)
    socket.onopen = () => resolve(true)
    socket.onerror = () => resolve(false)
  })
  if (opened) told.push('a WebSocket')
  for (const [tag, path] of [
    ['script', 'launcher-bottles'],
    ['img', 'page/icon.svg'],
    ['iframe', ''],
  ] as const) {
    const element = document.createElement(tag)
    const loaded = new Promise((resolve) => {
      element.onload = () => resolve(true)
      element.onerror = () => resolve(false)
    })
    element.src = url + path
    document.body.append(element)
    if (tag !== 'iframe' && (await loaded)) told.push(`a ${tag}`)
  }
  return told
}

test(
  'a page of another origin gets nothing of the daemon, and does nothing, whatever it tries',
  async (t) => {
    const { scene, tap, record } = await withAnts(t)
    const server = createServer((_request, answer) => answer.setHeader('content-type', 'text/html').end('<body>evil'))
    t.after(() => server.close())
    t.after(() => server.closeAllConnections())
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const { page } = await openTab(t, { hosts: { 'evil.example': '127.0.0.1' } })
    for (const origin of [`http://127.0.0.1:${port}`, `http://localhost:${port}`, `http://evil.example:${port}`]) {
      await page.goto(origin)
      assert.equal(await tries(page, scene.sampler.url, record), [], origin)
      for (const frame of page.frames().slice(1)) assert.not((await frame.content()).includes('PintGlas'))
    }
    assert.is(await formIsRefused(page, scene.sampler.url), true)
    assert.equal(tap.requests, [])
    assert.ok((await good(t, scene.sampler.home, 'show', 'Ants')).here)
    await page.goto(scene.sampler.url)
    const own = await page.evaluate(async () => (await fetch('/launcher-bottles')).json())
    assert.is(own.length, 1, 'the page of the daemon gets what they do not')
  },
  options,
)

test(
  'a page whose host name was made to point to the daemon gets nothing, although it is of the same origin',
  async (t) => {
    const { scene, tap, record } = await withAnts(t)
    const { port } = new URL(scene.sampler.url)
    const { page } = await openTab(t, { hosts: { 'rebound.example': '127.0.0.1' } })
    const origin = `http://rebound.example:${port}/`
    // what the attacker's own server sent before the name pointed here
    await page.route(`${origin}trap`, (route) => route.fulfill({ contentType: 'text/html', body: '<body>evil' }))
    await page.goto(`${origin}trap`)
    assert.is(await page.evaluate(() => location.origin), origin.slice(0, -1))
    assert.equal(await tries(page, origin, record), [])
    assert.is((await page.goto(origin))?.status(), 403)
    assert.equal(tap.requests, [])
    assert.ok((await good(t, scene.sampler.home, 'show', 'Ants')).here)
  },
  options,
)

async function withAnts(t: Parameters<typeof newScene>[0]) {
  const scene = await newScene(t)
  const work = Work.begin(scene, 'Ants')
  await work.save(1)
  const tap = await runImage(scene, work.record)
  const { record } = await good(t, scene.sampler.home, 'show', 'Ants')
  return { scene, tap, record }
}

function tries(page: Page, url: string, record: string): Promise<string[]> {
  return page.evaluate(TRIES, [url, url.replace('http:', 'ws:'), record] as [string, string, string])
}

/** A form leads to the page that it is sent to: what stands there is the refusal. */
async function formIsRefused(page: Page, url: string): Promise<boolean> {
  await page.evaluate((action) => {
    const form = document.createElement('form')
    Object.assign(form, { method: 'post', action: `${action}upload`, enctype: 'text/plain' })
    document.body.append(form)
    form.submit()
  }, url)
  await page.waitForURL(`${url}upload`)
  return (await page.locator('body').innerText()).includes('Not allowed')
}
