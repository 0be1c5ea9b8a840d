import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { isGlasError } from '../../../src/glas/errors.ts'
import { sameBytes } from '../../../src/glas/keys.ts'
import { homeFolder } from '../../../src/home/folder.ts'
import { machineName, openHome } from '../../../src/home/home.ts'
import { type TestContext, test } from '../../harness.ts'

function newFolder(t: TestContext) {
  const root = mkdtempSync(join(tmpdir(), 'pintglas-home-'))
  t.after(() => rmSync(root, { recursive: true }))
  return homeFolder(join(root, 'home'))
}

test('the first opening makes keys and settings, later ones find the same', async (t) => {
  const folder = newFolder(t)
  const first = await openHome(folder)
  const second = await openHome(folder)
  assert.ok(sameBytes(first.owner.publicKey, second.owner.publicKey))
  assert.ok(sameBytes(first.peer.publicKey, second.peer.publicKey))
  assert.not.ok(sameBytes(first.owner.publicKey, first.peer.publicKey))
  assert.equal(first.config, second.config)
  assert.match(String(first.config.listen[0]), /^127\.0\.0\.1:\d+$/)
})

test('verbs that start at once in a new home end up with one key', async (t) => {
  const folder = newFolder(t)
  const homes = await Promise.all(Array.from({ length: 5 }, () => openHome(folder)))
  for (const home of homes) assert.ok(sameBytes(home.peer.publicKey, homes[0]?.peer.publicKey as Uint8Array))
})

test('keys and settings are for their owner alone', async (t) => {
  const folder = newFolder(t)
  await openHome(folder)
  for (const path of [folder.ownerKey, folder.peerKey, folder.config]) assert.is(statSync(path).mode & 0o077, 0)
  assert.is(statSync(folder.root).mode & 0o077, 0)
})

test('a setting that is unknown or wrong is refused by name, and the file stays as it is', async (t) => {
  const folder = newFolder(t)
  await openHome(folder)
  for (const [text, name] of [
    ['{"mdsn": true}', 'mdsn'],
    ['{"mdns": "yes"}', 'mdns'],
    ['{"follow": [{"what": "all", "id": "x"}]}', 'follow'],
    ['{"stock": "relative/path"}', 'stock'],
    ['{"listen": ["0.0.0.0:99999"]}', 'listen'],
    ['{"listen": ["999.0.0.1:4100"]}', 'listen'],
    ['{"listen": ["[::g]:4100"]}', 'listen'],
    [`{"name": "${'蟻'.repeat(22)}"}`, 'name'],
    ['{"allow": ["laptop"]}', 'allow'],
    ['[]', 'config.json'],
    ['{', 'config.json'],
  ] as const) {
    writeFileSync(folder.config, text)
    const error = await openHome(folder).catch((thrown: unknown) => thrown)
    assert.ok(isGlasError(error, 'InvalidConfig'), text)
    assert.match(error.message, name)
    assert.is(readFileSync(folder.config, 'utf8'), text)
  }
})

test('a long host name makes a name that a certificate can hold', () => {
  assert.is(machineName('laptop.example.org'), 'laptop')
  assert.is(machineName(' \t'), 'machine')
  assert.is(Buffer.byteLength(machineName('x'.repeat(300))), 64)
  assert.is(machineName('é'.repeat(40)), 'é'.repeat(32))
})

test('a socket is not put into a temporary folder that others can write', (t) => {
  const { TMPDIR, XDG_RUNTIME_DIR } = process.env
  t.after(() => Object.assign(process.env, { TMPDIR: TMPDIR ?? '/tmp', XDG_RUNTIME_DIR: XDG_RUNTIME_DIR ?? '' }))
  const folder = newFolder(t).root
  mkdirSync(folder)
  Object.assign(process.env, { TMPDIR: folder, XDG_RUNTIME_DIR: '' })
  const deep = join(folder, 'deep'.repeat(40))
  const { socket } = homeFolder(deep)
  assert.match(socket, join(folder, `pintglas-${userInfo().uid}`))
  chmodSync(join(folder, `pintglas-${userInfo().uid}`), 0o777)
  assert.throws(
    () => homeFolder(deep),
    (error: unknown) => isGlasError(error, 'NotAllowed'),
  )
})
