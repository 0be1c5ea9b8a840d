import { existsSync, statSync, writeFileSync } from 'node:fs'
import * as assert from 'uvu/assert'
import { readSton } from '../../src/ston/reader.ts'
import { imageDirectory, nextSnapshot } from '../gen/directory.ts'
import { type TestContext, test } from '../harness.ts'
import { newFolder } from '../home-peer.ts'
import { type Home, type Json, letIn, newMachine } from './home.ts'

const SIZE_BYTES = 300_000
/** Ten processes and more a test: on a busy machine each takes a second to start. */
const SLOW = { limitMs: 120_000 }

/** A machine that has pushed `count` versions of Ants. */
async function pushed(t: TestContext, count = 1): Promise<Home> {
  const home = await newMachine(t, newFolder(t), 'laptop')
  const image = imageDirectory(home.path('Ants'), { seed: 1, sizeBytes: SIZE_BYTES })
  for (let version = 1; version <= count; version++) {
    if (version > 1) nextSnapshot(image, { seed: version, touchedSlots: 50, changesBytes: 100 })
    await home.good('push', 'Ants')
  }
  return home
}

test(
  'ls and log list what there is, as a table for people and as one object for programs',
  async (t) => {
    const home = await newMachine(t, newFolder(t), 'laptop')
    assert.equal(await home.good('ls'), { glases: [] })
    assert.match((await home.run('ls')).stdout, 'No glases yet')
    imageDirectory(home.path('Ants'), { seed: 1, sizeBytes: SIZE_BYTES })
    const first = await home.good('push', 'Ants', '--minor')
    assert.is(first.version, '0.1.0')
    assert.is((await home.good('push', 'Ants', '--force', '--major')).version, '1.0.0')
    assert.is((await home.good('push', 'Ants', '--force', '--as', '1.4.2')).version, '1.4.2')
    const [glas] = (await home.good('ls')).glases
    assert.is(glas['glas-id'], first['glas-id'])
    assert.is(glas.latest, '1.4.2')
    assert.is(glas.versions, 3)
    assert.is(glas.own, true)
    assert.equal(await home.versions('Ants'), ['1.4.2 here', '1.0.0 here', '0.1.0 here'])
    const { stdout } = await home.run('log', 'Ants')
    assert.match(stdout, /^Ants {2}[0-9a-f]{32}\n1\.4\.2 .* laptop {2}here\n1\.0\.0 .*\n0\.1\.0 .*\n$/)
  },
  SLOW,
)

test(
  'show prints the record as a table, as JSON and as STON that a reader of STON takes',
  async (t) => {
    const home = await pushed(t)
    const shown = await home.good('show', 'Ants')
    for (const key of ['glas-id', 'version', 'hostname', 'path', 'image-name', 'date', 'size', 'image-id']) {
      assert.ok(shown[key] !== undefined, key)
    }
    assert.match(shown.date, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00$/)
    assert.equal(shown.searched.not, ['git objects', 'heap', 'released sources'])
    const ston = readSton((await home.run('show', 'Ants', '--ston')).stdout) as ReadonlyMap<{ name: string }, unknown>
    const fields = new Map([...ston].map(([key, value]) => [String(key.name), value]))
    assert.is(fields.get('glas-id'), shown['glas-id'])
    assert.is(fields.get('size'), shown.size)
    assert.match((await home.run('show', 'Ants')).stdout, new RegExp(`^image-id +${shown['image-id']}$`, 'm'))
    const { files } = await home.good('show', 'Ants', '--files')
    assert.ok(files.some(({ path, kind }: Json) => path === 'Ants.image' && kind === 'file'))
  },
  SLOW,
)

test(
  '--no-location keeps host name and path out of the record',
  async (t) => {
    const home = await newMachine(t, newFolder(t), 'laptop')
    imageDirectory(home.path('Ants'), { seed: 1, sizeBytes: SIZE_BYTES })
    await home.good('push', 'Ants', '--no-location')
    const shown = await home.good('show', 'Ants')
    assert.is(shown.hostname, undefined)
    assert.is(shown.path, undefined)
  },
  SLOW,
)

test(
  'tags and notes are given, found, moved and taken away',
  async (t) => {
    const home = await pushed(t, 2)
    await home.good('tag', 'Ants@0.0.1', 'paper')
    await home.good('note', 'Ants@0.0.1', 'the run with the flood')
    const [found] = (await home.good('find', 'FLOOD')).found
    assert.is(found.version, '0.0.1')
    assert.is(found.matched, 'note')
    assert.is((await home.good('find', 'paper')).found[0].matched, 'tag')
    assert.equal(await home.good('find', 'bees'), { found: [] })
    assert.is((await home.good('show', 'Ants@paper')).version, '0.0.1')
    await home.good('tag', 'Ants@0.0.2', 'paper')
    assert.is((await home.good('show', 'Ants@paper')).version, '0.0.2')
    await home.good('tag', 'Ants', 'paper', '--delete')
    assert.is((await home.bad('show', 'Ants@paper')).code, 'NameNotFound')
    await home.good('note', 'Ants@0.0.1', '')
    assert.equal(await home.good('find', 'flood'), { found: [] })
  },
  SLOW,
)

test(
  'a version that is forgotten is gone after gc, the others are whole, and its number is not given again',
  async (t) => {
    const home = await pushed(t, 2)
    const forgotten = await home.good('forget', 'Ants@0.0.2')
    assert.is(forgotten.retracted, true)
    assert.ok((await home.good('gc')).freedBytes > 0)
    assert.equal((await home.good('check')).findings, [])
    assert.is((await home.bad('pull', 'Ants@0.0.2', 'x')).exit, 4)
    assert.is((await home.good('--offline', 'pull', 'Ants', 'old')).version, '0.0.1')
    assert.is((await home.good('push', 'Ants', '--force')).version, '0.0.3')
  },
  SLOW,
)

test(
  'the only copy is not unpinned without --force; pinned again it must be fetched, which nobody can',
  async (t) => {
    const home = await pushed(t)
    assert.equal((await home.good('pin', 'Ants')).reasons.sort(), ['own', 'user'])
    const refused = await home.bad('unpin', 'Ants')
    assert.is(refused.code, 'StillNeeded')
    assert.is(refused.exit, 3)
    assert.equal((await home.good('unpin', 'Ants', '--force')).reasons, [])
    await home.good('gc')
    assert.is((await home.bad('unpin', 'Ants', '--force')).code, 'GlasNotStocked')
    assert.is((await home.bad('pin', 'Ants')).code, 'NoProviders')
  },
  SLOW,
)

test(
  'settings are shown, set and refused by name',
  async (t) => {
    const home = await newMachine(t, newFolder(t), 'laptop')
    assert.equal(await home.good('config', 'name'), { name: 'laptop' })
    assert.equal(await home.good('config', 'repairAfterSeconds', '60'), { repairAfterSeconds: 60 })
    assert.is((await home.good('config')).repairAfterSeconds, 60)
    assert.equal(await home.good('listen', '127.0.0.1:4100'), { listen: ['127.0.0.1:4100'] })
    for (const args of [
      ['config', 'colour'],
      ['config', 'mdns', 'perhaps'],
      ['listen', 'everywhere'],
    ]) {
      const error = await home.bad(...args)
      assert.is(error.code, 'InvalidConfig', args.join(' '))
      assert.is(error.exit, 2)
    }
    const id = await home.good('id')
    assert.match(id.peerId, /^12D3KooW/)
    assert.match(id.owner, /^[0-9a-f]{64}$/)
    assert.equal(id.addresses, [`127.0.0.1:4100#${id.peerId}`])
  },
  SLOW,
)

test(
  'an owner key that was exported makes another home the same person, with the right passphrase only',
  async (t) => {
    const folder = newFolder(t)
    const laptop = await newMachine(t, folder, 'laptop')
    const desktop = await newMachine(t, folder, 'desktop')
    writeFileSync(laptop.path('right'), 'four ants on a log\n')
    writeFileSync(laptop.path('wrong'), 'three ants on a log\n')
    const { file } = await laptop.good('key', 'export', 'owner.backup', '--passphrase-file', 'right')
    assert.is(statSync(file).mode & 0o777, 0o600)
    const refused = await desktop.bad('key', 'import', file, '--passphrase-file', laptop.path('wrong'))
    assert.is(refused.code, 'BadKey')
    const { owner } = await desktop.good('key', 'import', file, '--passphrase-file', laptop.path('right'))
    assert.is(owner, (await laptop.good('id')).owner)
    assert.is((await desktop.good('id')).owner, owner)
  },
  SLOW,
)

test(
  'follow rules and grants are listed and ended, and members can be removed',
  async (t) => {
    const folder = newFolder(t)
    const laptop = await newMachine(t, folder, 'laptop')
    const login = await newMachine(t, folder, 'login')
    imageDirectory(laptop.path('Ants'), { seed: 1, sizeBytes: SIZE_BYTES })
    const published = await laptop.good('push', 'Ants')
    await laptop.startDaemon()
    await letIn(laptop, login)
    const names = async (home: Home) => (await home.good('members')).members.map(({ name }: Json) => name)
    assert.equal(await names(laptop), ['laptop', 'login'])
    assert.equal(await names(login), ['laptop', 'login'])
    const [rule] = (await login.good('follow', 'laptop', '--keep', '3', '--quota', '2G', '--copies', '2')).rules
    assert.equal([rule.what, rule.name, rule.keep, rule.quotaBytes, rule.copies], ['owner', 'laptop', 3, 2 ** 31, 2])
    assert.equal(await login.good('unfollow', 'laptop'), { rules: [] })
    assert.is((await login.bad('unfollow', 'laptop')).exit, 4)
    const granted = await laptop.good('grant', 'login', 'Ants')
    assert.is(granted.peer, 'login')
    assert.is((await laptop.good('grant')).grants.length, 1)
    assert.is((await laptop.good('revoke', 'login')).revoked.length, 1)
    assert.is((await laptop.good('grant')).grants[0].revoked, true)
    await laptop.good('members', 'remove', 'login')
    assert.equal(await names(laptop), ['laptop'])
    assert.is((await login.bad('pull', published['glas-id'])).code, 'NoProviders')
  },
  SLOW,
)

test(
  'peers are added and removed by address; what is no address is refused',
  async (t) => {
    const folder = newFolder(t)
    const laptop = await newMachine(t, folder, 'laptop')
    const login = await newMachine(t, folder, 'login')
    await laptop.startDaemon()
    const [address = ''] = (await laptop.good('id')).addresses
    const [peer] = (await login.good('peers', 'add', address)).peers
    assert.equal(peer, { address, connected: true, error: '' })
    assert.equal(await login.good('peers', 'remove', address), { peers: [] })
    assert.is((await login.bad('peers', 'remove', address)).code, 'PeerNotFound')
    assert.is((await login.bad('peers', 'add', 'ssh://-oProxyCommand=x')).code, 'InvalidName')
  },
  SLOW,
)

test(
  'a daemon says that it runs, serves verbs, and is stopped; without one that is said, too',
  async (t) => {
    const home = await newMachine(t, newFolder(t), 'laptop')
    const none = await home.bad('daemon', 'status')
    assert.is(none.code, 'NotRunning')
    assert.is(none.exit, 4)
    assert.is((await home.bad('daemon', 'stop')).code, 'NotRunning')
    await home.startDaemon()
    const status = await home.good('daemon', 'status')
    assert.equal((await home.good('id')).addresses, status.addresses)
    assert.is(statSync(status.socket).mode & 0o777, 0o600)
    assert.is((await home.bad('daemon')).code, 'StoreLocked')
    assert.is((await home.good('daemon', 'stop')).pid, status.pid)
    assert.is((await home.bad('daemon', 'status')).code, 'NotRunning')
    assert.not.ok(existsSync(status.socket))
    await home.startDaemon()
    assert.is(await home.stopDaemon('SIGTERM'), 0)
  },
  SLOW,
)

test(
  'a verb that is typed while the daemon starts is done all the same',
  async (t) => {
    const home = await pushed(t)
    const starting = home.startDaemon()
    for (const tag of ['a', 'b', 'c', 'd', 'e', 'f']) await home.good('tag', 'Ants', tag)
    await starting
    assert.equal((await home.good('show', 'Ants')).tags.sort(), ['a', 'b', 'c', 'd', 'e', 'f'])
  },
  SLOW,
)

test(
  'what is typed wrongly ends with 2, what is not there with 4, each with one object that says why',
  async (t) => {
    const home = await newMachine(t, newFolder(t), 'laptop')
    for (const args of [
      ['ls', '--wide'],
      ['frobnicate'],
      ['pull'],
      ['--timeout', 'soon', 'ls'],
      ['push', '--copies', 'many'],
      ['push', '--secrets', 'hide'],
      ['follow', 'all', '--quota', 'huge'],
    ]) {
      const error = await home.bad(...args)
      assert.is(error.code, 'BadUsage', args.join(' '))
      assert.is(error.exit, 2)
    }
    for (const args of [
      ['--offline', 'pull', 'Ants'],
      ['log', 'Ants'],
      ['show', 'Ants'],
      ['tag', 'Ants', 'x'],
      ['unpin', 'Ants'],
    ]) {
      const error = await home.bad(...args)
      assert.is(error.code, 'NameNotFound', args.join(' '))
      assert.is(error.exit, 4)
      assert.match(error.message, 'No glas here is called "Ants"')
    }
  },
  SLOW,
)

test(
  'errors go to stderr as a sentence where no JSON is asked for, and --quiet keeps everything else quiet',
  async (t) => {
    const home = await pushed(t)
    const failed = await home.run('show', 'Bees')
    assert.is(failed.exit, 4)
    assert.is(failed.stdout, '')
    assert.match(failed.stderr, /^pintglas: No glas here is called "Bees"/)
    const quiet = await home.run('--quiet', 'push', 'Ants')
    assert.is(quiet.exit, 0)
    assert.is(quiet.stderr, '')
  },
  SLOW,
)
