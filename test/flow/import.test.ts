import { randomBytes } from 'node:crypto'
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { UnixFS as UnixFsMessage } from 'ipfs-unixfs'
import { fixedSize, rabin } from 'ipfs-unixfs-importer/chunker'
import { trickle } from 'ipfs-unixfs-importer/layout'
import { CID } from 'multiformats/cid'
import * as assert from 'uvu/assert'
import type { CallOptions, Progress } from '../../src/beam/progress.ts'
import { homeFolder } from '../../src/home/folder.ts'
import { toMultiaddr } from '../../src/net/address.ts'
import { openPintGlas, type PintGlas } from '../../src/open.ts'
import { cidOf, RAW_CODE } from '../../src/stock/cid.ts'
import { bad, folderIn, good } from '../cli/process.ts'
import { imageDirectory } from '../gen/directory.ts'
import { type TestContext, test } from '../harness.ts'
import { newFolder } from '../home-peer.ts'
import { directoryOf, type IpfsNode, newIpfsNode } from '../ipfs-node.ts'
import { codeOf } from '../loopback.ts'

const MAX_BYTES = 100_000_000

interface Scene {
  folder: string
  pintglas: PintGlas
  messages: string[]
}

/** A home with a network, in this process. */
async function newScene(t: TestContext): Promise<Scene> {
  const folder = newFolder(t)
  const messages: string[] = []
  const options = { signal: t.signal, onMessage: (message: string) => void messages.push(message) }
  const open = { access: 'writing', isDaemon: false, options } as const
  const pintglas = await openPintGlas(homeFolder(join(folder, 'home')), open)
  t.after(() => pintglas.close())
  return { folder, pintglas, messages }
}

interface Import {
  address: unknown
  name?: string
  from?: string[]
  maxBytes?: number
  options?: Partial<CallOptions>
}

function importInto(scene: Scene, { address, name = 'imported', from = [], maxBytes = MAX_BYTES, options }: Import) {
  const args = { address: String(address), target: join(scene.folder, name), base: scene.folder, from, maxBytes }
  const onMessage = (message: string) => void scene.messages.push(message)
  const signal = AbortSignal.timeout(50_000)
  return scene.pintglas.call('import', args, { signal, offline: false, onProgress: () => {}, onMessage, ...options })
}

/** 20 MB in one file, 500 small ones in a sharded directory, every way to cut a file, and a link. */
async function bigTree({ fs, symlink }: IpfsNode) {
  const big = randomBytes(20_000_000)
  const uneven = randomBytes(700_000)
  const small = Array.from({ length: 500 }, (_, n) => ({ path: `small/${n}.st`, content: Buffer.from(`method ${n}`) }))
  let sharded: CID | undefined
  for await (const { cid, path } of fs.addAll(small, { shardSplitThresholdBytes: 1000 })) {
    if (path === 'small') sharded = cid
  }
  const chunker = fixedSize({ chunkSize: 10_000 })
  const root = await directoryOf(fs, {
    'Ants.image': await fs.addBytes(big, { chunker: fixedSize({ chunkSize: 262_144 }) }),
    'trickle, wrapped leaves': await fs.addBytes(uneven, { layout: trickle(), rawLeaves: false, chunker }),
    'rabin, old addresses': await fs.addBytes(uneven, { chunker: rabin(), cidVersion: 0 }),
    empty: await fs.addBytes(new Uint8Array()),
    small: sharded as CID,
    'latest image': await symlink('Ants.image'),
    nothing: await fs.addDirectory(),
  })
  return { root, big, uneven }
}

test('a public directory comes byte for byte, however it was cut, sharded or addressed', async (t) => {
  const [scene, ipfs] = await Promise.all([newScene(t), newIpfsNode(t)])
  const { root, big, uneven } = await bigTree(ipfs)
  const result = await importInto(scene, { address: root, from: [ipfs.address()] })
  const at = (...names: string[]) => join(result.directory, ...names)
  assert.ok(readFileSync(at('Ants.image')).equals(big))
  assert.ok(readFileSync(at('trickle, wrapped leaves')).equals(uneven))
  assert.ok(readFileSync(at('rabin, old addresses')).equals(uneven))
  assert.is(statSync(at('empty')).size, 0)
  assert.is(readlinkSync(at('latest image')), 'Ants.image')
  assert.is(readdirSync(at('nothing')).length, 0)
  assert.is(readdirSync(at('small')).length, 500)
  assert.is(readFileSync(at('small', '499.st'), 'utf8'), 'method 499')
  assert.is(result.files, 504)
  assert.is(
    result.size,
    big.length +
      2 * uneven.length +
      Array.from({ length: 500 }, (_, n) => `method ${n}`.length).reduce((a, b) => a + b),
  )
  assert.is(result['has-image'], true)
  assert.equal(scene.messages, [])
})

test('an import that was interrupted goes on with what is missing', async (t) => {
  const [scene, ipfs] = await Promise.all([newScene(t), newIpfsNode(t)])
  const { root } = await bigTree(ipfs)
  const stop = new AbortController()
  let firstBytes = 0
  const onProgress = ({ phase, doneBytes }: Progress) => {
    if (phase === 'fetching') firstBytes = doneBytes
    if (firstBytes > 8_000_000) stop.abort()
  }
  const from = [ipfs.address()]
  assert.is(
    await codeOf(importInto(scene, { address: root, from, options: { signal: stop.signal, onProgress } })),
    'Interrupted',
  )
  assert.not.ok(existsSync(join(scene.folder, 'imported')))
  const again = await importInto(scene, { address: root, from })
  assert.ok(again['fetched-bytes'] < 22_000_000 - firstBytes, `${again['fetched-bytes']} came again`)
  assert.is((await importInto(scene, { address: root, from, name: 'third' }))['fetched-bytes'], 0)
})

test('a path leads to a directory inside, and nothing beside it is fetched', async (t) => {
  const [scene, ipfs] = await Promise.all([newScene(t), newIpfsNode(t)])
  const { root } = await bigTree(ipfs)
  const from = [ipfs.address()]
  const result = await importInto(scene, { address: `/ipfs/${root}/small`, from })
  assert.is(result.files, 500)
  assert.ok(result['fetched-bytes'] < 200_000)
  assert.match(scene.messages.join(), 'no .image')
  assert.is(await codeOf(importInto(scene, { address: `${root}/small/none`, from, name: 'b' })), 'NameNotFound')
  assert.is(await codeOf(importInto(scene, { address: `${root}/nowhere/small`, from, name: 'b' })), 'NameNotFound')
  assert.is(await codeOf(importInto(scene, { address: `${root}/Ants.image`, from, name: 'b' })), 'BadUsage')
  assert.is(await codeOf(importInto(scene, { address: `${root}/latest image`, from, name: 'b' })), 'BadUsage')
})

test('a directory larger than the limit is refused before it is fetched, and one that lies about it before it is placed', async (t) => {
  const [scene, ipfs] = await Promise.all([newScene(t), newIpfsNode(t)])
  const from = [ipfs.address()]
  const file = await ipfs.fs.addBytes(randomBytes(600_000), { chunker: fixedSize({ chunkSize: 100_000 }) })
  const honest = await directoryOf(ipfs.fs, { file })
  const refused = await importInto(scene, { address: honest, from, maxBytes: 500_000 }).catch((error) => error)
  assert.is(refused.code, 'LimitExceeded')
  assert.match(refused.message, '--max-size')
  assert.not.ok(await scene.pintglas.parts.stock.has(file))
  const directory = new UnixFsMessage({ type: 'directory' })
  const lying = await ipfs.putNode(directory, [{ Name: 'file', Hash: file, Tsize: 10 }])
  assert.is(await codeOf(importInto(scene, { address: lying, from, maxBytes: 500_000 })), 'LimitExceeded')
  // The same 600 kB a hundred times: little comes, and much would be written.
  const Links = Array.from({ length: 100 }, (_, n) => ({ Name: `${n}`.padStart(3, '0'), Hash: file, Tsize: 10 }))
  const unfolding = await ipfs.putNode(directory, Links)
  assert.is(await codeOf(importInto(scene, { address: unfolding, from, maxBytes: 5_000_000 })), 'LimitExceeded')
  assert.not.ok(existsSync(join(scene.folder, 'imported')))
})

test('names and links that lead out of the directory are refused, and git hooks of strangers do not run', async (t) => {
  const [scene, ipfs] = await Promise.all([newScene(t), newIpfsNode(t)])
  const from = [ipfs.address()]
  const directory = new UnixFsMessage({ type: 'directory' })
  const file = await ipfs.fs.addBytes(Buffer.from('#!/bin/sh\n'))
  const escaping = await ipfs.putNode(directory, [{ Name: '../out', Hash: file, Tsize: 10 }])
  assert.is(await codeOf(importInto(scene, { address: escaping, from })), 'UnsafePath')
  const leading = await directoryOf(ipfs.fs, { link: await ipfs.symlink('../../out') })
  assert.is(await codeOf(importInto(scene, { address: leading, from })), 'UnsafePath')
  assert.equal(readdirSync(scene.folder), ['home'])
  const hooks = await directoryOf(ipfs.fs, { 'pre-commit': file })
  const git = await directoryOf(ipfs.fs, { hooks, HEAD: file, objects: hooks, refs: hooks })
  const result = await importInto(scene, { address: await directoryOf(ipfs.fs, { '.git': git }), from })
  assert.is(result.inert.length, 1)
  assert.not.ok(existsSync(join(result.directory, '.git/hooks/pre-commit')))
})

test('what is no directory of files, or has a hash that is not kept, is refused by name', async (t) => {
  const [scene, ipfs] = await Promise.all([newScene(t), newIpfsNode(t)])
  const from = [ipfs.address()]
  const noise = Buffer.from('not a node')
  const broken = cidOf(0x70, noise)
  await ipfs.helia.blockstore.put(broken, noise)
  assert.is(await codeOf(importInto(scene, { address: broken, from })), 'UnknownFormat')
  const leaf = cidOf(RAW_CODE, noise)
  await ipfs.helia.blockstore.put(leaf, noise)
  assert.is(await codeOf(importInto(scene, { address: leaf, from })), 'BadUsage')
  const identity = 'bafkqablimvwgy3y'
  assert.is(await codeOf(importInto(scene, { address: identity, from })), 'UnknownFormat')
})

test('a target that is there stays as it is', async (t) => {
  const [scene, ipfs] = await Promise.all([newScene(t), newIpfsNode(t)])
  const root = await directoryOf(ipfs.fs, { a: await ipfs.fs.addBytes(Buffer.from('a')) })
  const target = folderIn(scene.folder, 'imported')
  assert.is(await codeOf(importInto(scene, { address: root, from: [ipfs.address()] })), 'TargetExists')
  assert.is(readdirSync(target).length, 0)
})

test('private blocks of a home are given to no IPFS node that is connected with it', async (t) => {
  const [scene, ipfs] = await Promise.all([newScene(t), newIpfsNode(t)])
  const image = imageDirectory(join(scene.folder, 'ants'), { seed: 1, sizeBytes: 200_000 })
  const args = { path: image.path, step: 'patch', force: false, dryRun: false, allowSecrets: false } as const
  const pushed = await scene.pintglas.call(
    'push',
    { ...args, location: true, to: [], copies: 0, public: false },
    { signal: t.signal, offline: false, onProgress: () => {}, onMessage: () => {} },
  )
  const network = await scene.pintglas.parts.network()
  await ipfs.helia.libp2p.dial(network.peer.addresses().map(toMultiaddr))
  const blocks = await Array.fromAsync(scene.pintglas.parts.stock.blocksOf([CID.parse(pushed.record)]))
  const codes = await Promise.all(blocks.map((cid) => codeOf(ipfs.get(cid, 500))))
  assert.ok(codes.length > 10)
  assert.not.ok(codes.includes('none'))
})

test('typed by a user: it works, and says what is wrong with an address, a node, or a silent one', async (t) => {
  const folder = newFolder(t)
  const home = join(folder, 'home')
  const ipfs = await newIpfsNode(t)
  const root = await directoryOf(ipfs.fs, { 'notes.txt': await ipfs.fs.addBytes(Buffer.from('hello')) })
  const target = join(folder, 'notes')
  const result = await good(t, home, 'import', String(root), target, '--from', ipfs.address())
  assert.is(readFileSync(join(target, 'notes.txt'), 'utf8'), 'hello')
  assert.is(lstatSync(target).mode & 0o777, 0o755)
  assert.is(result['has-image'], false)
  const wrong = await bad(t, home, 'import', 'not-an-address', join(folder, 'b'))
  assert.is(`${wrong.code} ${wrong.exit}`, 'InvalidName 2')
  const absent = cidOf(0x70, Buffer.from('nobody has this')).toString()
  const alone = await bad(t, home, 'import', absent, join(folder, 'b'))
  assert.is(`${alone.code} ${alone.exit}`, 'NoProviders 5')
  assert.match(alone.message, '--from')
  const silent = await bad(t, home, '--timeout', '2', 'import', absent, join(folder, 'b'), '--from', ipfs.address())
  assert.is(`${silent.code} ${silent.exit}`, 'TimedOut 5')
  const nowhere = await bad(t, home, 'import', absent, join(folder, 'b'), '--from', '127.0.0.1:1')
  assert.is(`${nowhere.code} ${nowhere.exit}`, 'PeerUnreachable 5')
  assert.not.ok(existsSync(join(folder, 'b')))
})
