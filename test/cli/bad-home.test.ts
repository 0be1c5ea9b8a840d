import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { imageDirectory } from '../gen/directory.ts'
import { type TestContext, test } from '../harness.ts'
import { bad, folderIn, good, letIn, startDaemon, stopProcess, treeOf } from './process.ts'
import { scene } from './scene.ts'

const ROOT = process.getuid?.() === 0

test('settings and keys that are damaged are named with their path', async (t) => {
  const { home, ants } = scene(t)
  await good(t, home, 'push', ants)
  const config = join(home, 'config.json')
  const settings = readFileSync(config, 'utf8')
  for (const text of ['{ half', '{"name": 5}', '{"colour": "red"}']) {
    writeFileSync(config, text)
    const error = await bad(t, home, 'ls')
    assert.is(error.code, 'InvalidConfig', text)
    assert.is(error.exit, 2)
    assert.match(error.message, config, text)
  }
  writeFileSync(config, settings)
  const key = join(home, 'keys/peer.key')
  writeFileSync(key, 'scribbled over')
  const error = await bad(t, home, 'push', ants)
  assert.is(error.code, 'BadKey')
  assert.is(error.exit, 6)
  assert.match(error.message, key)
  assert.is(readFileSync(key, 'utf8'), 'scribbled over', 'no key is made over a damaged one')
})

test('a home that cannot be written is told, with its path', async (t) => {
  const { folder, ants } = scene(t)
  const file = join(folder, 'file')
  writeFileSync(file, '')
  const error = await bad(t, join(file, 'home'), 'push', ants)
  assert.is(error.code, 'FileError')
  assert.is(error.exit, 7)
  assert.match(error.message, file)
  assert.not.ok(existsSync(join(ants, 'pintglas.ston')))
})

/** Changes some bytes in the middle of each pack. */
function damagePack(home: string): void {
  const folder = join(home, 'stock/packs')
  for (const name of readdirSync(folder)) {
    const bytes = readFileSync(join(folder, name))
    for (const part of [0.3, 0.5, 0.7]) {
      const at = Math.floor(bytes.length * part)
      bytes[at] = (bytes[at] ?? 0) ^ 0xff
    }
    chmodSync(join(folder, name), 0o600)
    writeFileSync(join(folder, name), bytes)
  }
}

test('a damaged pack: check names the version, pull refuses, and `check --repair` mends it from a peer', async (t) => {
  const { folder, home: ann, ants } = scene(t, { sizeBytes: 3_000_000 })
  const bob = join(folder, 'bob')
  const pushed = await good(t, ann, 'push', ants)
  const daemon = await startDaemon(t, ann)
  await letIn(t, ann, bob)
  const reference = `${pushed['glas-id']}@0.0.1`
  await good(t, bob, 'pull', reference, join(folder, 'one'))
  damagePack(bob)
  const found = await bad(t, bob, 'check')
  assert.is(found.code, 'BlockMismatch')
  assert.is(found.exit, 6)
  assert.match(found.message, 'Ants@0.0.1')
  const refused = await bad(t, bob, '--offline', 'pull', reference, join(folder, 'two'))
  assert.is(refused.exit, 6)
  assert.equal(readdirSync(folder).sort(), ['ants', 'bob', 'home', 'one'])
  const mended = await good(t, bob, 'check', '--repair')
  assert.ok(mended.repaired > 0)
  assert.equal(mended.findings, [])
  await stopProcess(daemon, 'SIGTERM')
  await good(t, bob, 'pull', reference, join(folder, 'two'))
  assert.equal(treeOf(join(folder, 'two')), treeOf(ants))
})

test('a version that nobody who is up holds: exit 5, and no directory', async (t) => {
  const { folder, home: ann, ants } = scene(t)
  const bob = join(folder, 'bob')
  const pushed = await good(t, ann, 'push', ants)
  const daemon = await startDaemon(t, ann)
  await letIn(t, ann, bob)
  await stopProcess(daemon, 'SIGTERM')
  const error = await bad(t, bob, 'pull', pushed['glas-id'], join(folder, 'back'))
  assert.is(error.code, 'NoProviders')
  assert.is(error.exit, 5)
  assert.ok(error.retryable)
  assert.match(error.message, 'pintglas daemon')
  assert.equal(readdirSync(folder).sort(), ['ants', 'bob', 'home'])
})

/** A file system of its own with so much room. */
function smallDisk(t: TestContext, folder: string, sizeBytes: number): string {
  const disk = folderIn(folder, 'disk')
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${sizeBytes}`, 'tmpfs', disk])
  t.after(() => execFileSync('umount', ['-l', disk]))
  return disk
}

function whyNoMounts(): string | undefined {
  if (!ROOT) return 'only root can mount a small disk'
  try {
    execFileSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt'], { stdio: 'ignore' })
    return undefined
  } catch {
    return 'this machine does not allow to mount a small disk'
  }
}

const noMounts = whyNoMounts()

test(
  'a full disk under the stock: exit 7, no version, what was there stays good, and it works once there is room',
  async (t) => {
    const { folder, ants } = scene(t)
    const disk = smallDisk(t, folder, 2_500_000)
    const home = join(disk, 'home')
    const first = await good(t, home, 'push', ants)
    const large = imageDirectory(join(folder, 'bees'), { seed: 2, sizeBytes: 400_000, name: 'Bees' }).path
    writeFileSync(join(large, 'results.dat'), randomBytes(4_000_000))
    const error = await bad(t, home, 'push', large)
    assert.is(error.code, 'DiskFull')
    assert.is(error.exit, 7)
    assert.match(error.message, 'Free some space')
    assert.not.ok(existsSync(join(large, 'pintglas.ston')))
    const { glases } = await good(t, home, 'ls')
    assert.equal(
      glases.map((glas: { 'glas-id': string }) => glas['glas-id']),
      [first['glas-id']],
    )
    assert.equal((await good(t, home, 'check')).findings, [])
    execFileSync('mount', ['-o', 'remount,size=40000000', disk])
    assert.is((await good(t, home, 'push', large)).version, '0.0.1')
    assert.equal((await good(t, home, 'check')).findings, [])
  },
  { skip: noMounts },
)

test(
  'a full disk under the target: exit 7, nothing is left there',
  async (t) => {
    const { folder, home, ants } = scene(t, { sizeBytes: 3_000_000 })
    await good(t, home, 'push', ants)
    const disk = smallDisk(t, folder, 1_000_000)
    const error = await bad(t, home, 'pull', 'Ants@0.0.1', join(disk, 'back'))
    assert.is(error.code, 'DiskFull')
    assert.is(error.exit, 7)
    assert.equal(readdirSync(disk), [])
  },
  { skip: noMounts },
)

test(
  'a disk that is mounted read only: exit 7, named',
  async (t) => {
    const { folder, ants } = scene(t)
    const disk = smallDisk(t, folder, 3_000_000)
    execFileSync('mount', ['-o', 'remount,ro', disk])
    const error = await bad(t, join(disk, 'home'), 'push', ants)
    assert.is(error.code, 'FileError')
    assert.is(error.exit, 7)
    assert.match(error.message, disk)
  },
  { skip: noMounts },
)
