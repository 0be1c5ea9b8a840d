import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { type Home, type Json, letIn, newMachine } from '../cli/home.ts'
import { type TestContext, test } from '../harness.ts'
import { newFolder } from '../home-peer.ts'
import { layCable, newNamespaces, whyNoNamespaces, within } from '../net/namespaces.ts'
import type { TapRecord } from '../tap/original-tap.ts'
import { newImage } from '../tap/sampler-process.ts'

const LIMIT_MS = 300_000
const HTTP = { http: '127.0.0.1:0' }
/** Addresses of one network for each cable, which nothing outside the namespaces can see. */
const LOCAL = '10.78.1.2'
const GLOBAL = { towardsLocal: '10.78.1.1', towardsAsker: '10.78.2.1' }
const ASKER = '10.78.2.2'
const PORT = 4100

const TAP = join(import.meta.dirname, '..', 'tap', 'tap-process.ts')

interface Site {
  local: Home
  global: Home
  asker: Home
  /** Where `local` reaches `global`. */
  globalAddress: string
}

/** `local` and `asker` listen nowhere: nobody can call them. */
async function onOneMachine(t: TestContext): Promise<Site> {
  const folder = newFolder(t)
  const machine = (name: string, config = {}) => newMachine(t, folder, name, { config: { ...HTTP, ...config } })
  const global = await machine('global')
  const [local, asker] = [await machine('local', { listen: [] }), await machine('asker', { listen: [] })]
  const { listen } = await global.good('config', 'listen')
  return { local, global, asker, globalAddress: listen[0] }
}

/** `local` and `asker` have a cable to `global` each and none to each other, and listen on their own loopback alone. */
async function withCables(t: TestContext): Promise<Site> {
  const names = newNamespaces(t, ['local', 'global', 'asker'])
  const at = (name: string) => names.get(name) ?? ''
  layCable({ namespace: at('local'), address: LOCAL }, { namespace: at('global'), address: GLOBAL.towardsLocal })
  layCable({ namespace: at('asker'), address: ASKER }, { namespace: at('global'), address: GLOBAL.towardsAsker })
  const folder = newFolder(t)
  const machine = (name: string, config = {}) =>
    newMachine(t, folder, name, { within: within(at(name)), config: { ...HTTP, ...config } })
  const global = await machine('global', { listen: [`0.0.0.0:${PORT}`] })
  return {
    global,
    local: await machine('local'),
    asker: await machine('asker'),
    globalAddress: `${GLOBAL.towardsLocal}:${PORT}`,
  }
}

/** An image with an original Tap on that machine. */
async function runImage(t: TestContext, home: Home, record: TapRecord, zips: string[]): Promise<void> {
  const { http } = await home.good('daemon', 'status')
  const [program = '', ...args] = [...home.within, process.execPath, TAP, http, JSON.stringify(record), ...zips]
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const closed = once(child, 'close')
  t.after(async () => {
    child.kill('SIGKILL')
    await closed
  })
  await once(child.stdout, 'data')
}

const tapsOf = async (home: Home): Promise<Json[]> => (await home.good('live')).taps
const seen = (taps: Json[]) => taps.map(({ name, peer, path, may }) => `${name}@${peer} ${path} ${may}`).join()

async function story(t: TestContext, { local, global, asker, globalAddress }: Site): Promise<void> {
  await global.startDaemon()
  for (const home of [local, asker]) {
    await letIn(global, home)
    await home.startDaemon()
  }
  await local.good('peers', 'add', globalAddress)
  await local.good('send', 'global')
  await local.good('config', 'shareTaps', 'true')
  await local.good('members', 'allow', 'global', 'snap')
  const { record, zip } = newImage(t, { host: 'desk' })
  await runImage(t, local, record, [zip, newImage(t, { sizeBytes: 1_200_000 }).zip])

  const full = `Ants@local ${record.path} snap`
  await global.until(
    () => tapsOf(global),
    (taps) => seen(taps) === full,
  )
  const first = await global.good('snap', 'Ants@local')
  assert.equal([first.version, first.peer], ['0.0.1', 'local'])
  await global.hasVersions(first['glas-id'], '0.0.1 here')

  await asker.until(
    () => tapsOf(asker),
    (taps) => seen(taps) === 'Ants@local  nothing',
  )
  assert.is((await asker.bad('snap', 'Ants')).code, 'NotAllowed')
  await local.good('members', 'allow', 'asker', 'snap')
  await asker.until(
    () => tapsOf(asker),
    (taps) => seen(taps) === full,
  )
  const second = await asker.good('snap', 'Ants')
  assert.equal([second.version, second['glas-id']], ['0.0.2', first['glas-id']])
  await global.hasVersions(first['glas-id'], '0.0.2 here', '0.0.1 here')
  await asker.stopDaemon()
  await asker.until(
    () => tapsOf(asker),
    (taps) => seen(taps) === full,
  )
  await local.stopDaemon()
  // Its last word may get lost with it; then its images are known for a while, and nobody can ask them.
  await global.until(
    () => tapsOf(global),
    (taps) => taps.every(({ reached }) => !reached),
  )
  const pulled = await asker.good('pull', `${first['glas-id']}@0.0.2`)
  assert.is(pulled.record, second.record, 'the global one has it when the local one has gone')

  await local.startDaemon()
  await runImage(t, local, record, [zip])
  await global.good('members', 'remove', 'asker')
  await local.until(
    () => local.good('members'),
    ({ members }) => members.every(({ name }: Json) => name !== 'asker'),
  )
  assert.is.not((await asker.run('snap', 'Ants')).exit, 0)
}

test(
  'a local sampler that nobody can call is seen, asked and copied by a global one, and by a third that reaches only that',
  async (t) => story(t, await onOneMachine(t)),
  { limitMs: LIMIT_MS },
)

test('the same between machines with one cable to the global one each', async (t) => story(t, await withCables(t)), {
  limitMs: LIMIT_MS,
  skip: whyNoNamespaces(),
})
