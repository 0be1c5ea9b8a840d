import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { CID } from 'multiformats/cid'
import * as assert from 'uvu/assert'
import { type Entry, signEntry, type VersionEntry } from '../../src/glas/entry.ts'
import { toGlasError } from '../../src/glas/errors.ts'
import { type KeyPair, peerIdText } from '../../src/glas/keys.ts'
import { BLOCKS_PROTOCOL, FETCH_LIMITS, SERVE_LIMITS } from '../../src/net/block-messages.ts'
import { handle } from '../../src/net/streams.ts'
import { CODEC_RAW, CODEC_ZSTD, type StoredBlock } from '../../src/stock/codec.ts'
import { treeOf } from '../cli/process.ts'
import { imageDirectory } from '../gen/directory.ts'
import { type TestContext, test } from '../harness.ts'
import { type OpenHome, openHomeHere, plainPush } from '../home-parts.ts'
import { newFolder } from '../home-peer.ts'
import { recordingGuard, until } from '../loopback.ts'
import { Forge } from './bombs.ts'

const INVITE = { hours: 1, mayInvite: false, grant: null, addresses: [] }
const MIB = 1024 * 1024

interface Scene {
  ann: OpenHome
  bob: OpenHome
  mallory: OpenHome
  /** An honest version of ann's. */
  reference: string
  directory: string
  out: string
}

/** Three members of one swarm: ann has an honest version, bob wants it, mallory lies. */
async function scene(t: TestContext): Promise<Scene> {
  const folder = newFolder(t)
  const directory = imageDirectory(join(folder, 'ants'), { seed: 6, sizeBytes: 1_500_000, name: 'Ants' }).path
  const [ann, bob, mallory] = [
    await openHomeHere(t, join(folder, 'ann')),
    await openHomeHere(t, join(folder, 'bob')),
    await openHomeHere(t, join(folder, 'mallory')),
  ]
  const pushed = await ann.call('push', plainPush(directory), ann.options)
  for (const home of [mallory, bob]) {
    const { invitation } = await ann.call('invite', INVITE, ann.options)
    await home.call('join', { invitation, leave: false }, home.options)
  }
  const network = await bob.parts.network()
  await network.settled(t.signal)
  await until(() => network.membersUp().length === 2)
  const out = join(folder, 'out')
  return { ann, bob, mallory, reference: `${pushed['glas-id']}@0.0.1`, directory, out }
}

const keyOf = (home: OpenHome): KeyPair => home.parts.home.peer

const pull = ({ bob, out }: Scene, reference: string, name = 'back') =>
  bob.call('pull', { reference, target: join(out, name), base: out, force: false }, bob.options)

/** bob asks mallory before he asks ann. */
async function askTheLiarFirst({ bob, ann, mallory }: Scene): Promise<void> {
  const network = await bob.parts.network()
  network.likelyHolders = () => [keyOf(mallory).publicKey, keyOf(ann).publicKey]
}

async function violationsOf({ bob }: Scene, liar: OpenHome): Promise<Record<string, number>> {
  const { violations } = await bob.call('homeStatus', {}, bob.options)
  return violations[peerIdText(keyOf(liar).publicKey)] ?? {}
}

async function pullFailsWith(at: Scene, reference: string): Promise<string> {
  try {
    await pull(at, reference, 'bomb')
    return 'none'
  } catch (error) {
    return toGlasError(error).code
  }
}

const LIES: Record<string, (good: StoredBlock) => StoredBlock> = {
  'other bytes': ({ rawLength }) => ({ codec: CODEC_RAW, rawLength, stored: randomBytes(rawLength) }),
  'an empty block': () => ({ codec: CODEC_RAW, rawLength: 0, stored: new Uint8Array(0) }),
  'compressed garbage': () => ({ codec: CODEC_ZSTD, rawLength: 60_000, stored: randomBytes(500) }),
}

for (const [what, lie] of Object.entries(LIES)) {
  test(`a member that sends ${what} for blocks is named, and the version comes from an honest one`, async (t) => {
    const at = await scene(t)
    at.mallory.parts.stock.getStored = async (cid: CID) => lie(await at.ann.parts.stock.getStored(cid))
    await askTheLiarFirst(at)
    const done = await pull(at, at.reference)
    assert.equal(treeOf(done.directory), treeOf(at.directory))
    assert.equal(done.from, [peerIdText(keyOf(at.ann).publicKey)])
    const { BlockMismatch = 0 } = await violationsOf(at, at.mallory)
    assert.ok(BlockMismatch >= 2, 'once for the record, once for the contents')
    assert.match(at.bob.messages.join('\n'), peerIdText(keyOf(at.mallory).publicKey))
    assert.equal((await at.bob.call('check', { repair: false }, at.bob.options)).findings, [])
  })
}

test('a member that lies about one block in ten costs the pull that member, not its end', async (t) => {
  const at = await scene(t)
  let asked = 0
  at.mallory.parts.stock.getStored = async (cid: CID) => {
    const good = await at.ann.parts.stock.getStored(cid)
    return ++asked % 10 === 0 ? { ...good, codec: CODEC_RAW, stored: randomBytes(good.rawLength) } : good
  }
  await askTheLiarFirst(at)
  const done = await pull(at, at.reference)
  assert.equal(treeOf(done.directory), treeOf(at.directory))
  assert.is(done.from.length, 2)
  assert.equal(await violationsOf(at, at.mallory), { BlockMismatch: 1 })
})

test('a member that lies when blocks are repaired is named, and an honest one repairs them', async (t) => {
  const at = await scene(t)
  await pull(at, at.reference)
  const { bob } = at
  for (const name of readdirSync(join(bob.parts.stock.folder, 'packs'))) {
    const pack = join(bob.parts.stock.folder, 'packs', name)
    const bytes = readFileSync(pack)
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1
    writeFileSync(pack, bytes)
  }
  at.mallory.parts.stock.getStored = async (wanted: CID) => {
    const { rawLength } = await at.ann.parts.stock.getStored(wanted)
    return { codec: CODEC_RAW, rawLength, stored: randomBytes(rawLength) }
  }
  const network = await bob.parts.network()
  network.membersUp = () => [keyOf(at.mallory).publicKey, keyOf(at.ann).publicKey]
  const mended = await bob.call('check', { repair: true }, bob.options)
  assert.is(mended.repaired, 1)
  assert.equal(mended.findings, [])
  assert.equal(await violationsOf(at, at.mallory), { BlockMismatch: 1 })
})

test('a member that sends without end fills no memory and stops no pull', async (t) => {
  const at = await scene(t)
  const { libp2p } = (await at.mallory.parts.network()).peer.node
  await libp2p.unhandle(BLOCKS_PROTOCOL)
  let sentBytes = 0
  await handle(libp2p, { id: BLOCKS_PROTOCOL, limits: SERVE_LIMITS }, recordingGuard(), async (channel) => {
    const noise = randomBytes(FETCH_LIMITS.maxMessageBytes)
    for (; ; sentBytes += noise.byteLength) await channel.write(noise)
  })
  await askTheLiarFirst(at)
  const done = await pull(at, at.reference)
  assert.equal(treeOf(done.directory), treeOf(at.directory))
  assert.ok(sentBytes < 4 * FETCH_LIMITS.maxUnreadBytes, `${sentBytes} bytes were taken`)
  assert.is.not(Object.keys(await violationsOf(at, at.mallory)).length, 0)
})

/** A version entry for somebody else's glas, under a grant that says nothing of it. */
function claimFor(at: Scene, victim: Entry<VersionEntry>, grant: VersionEntry['grant']): Entry<VersionEntry> {
  const { body } = victim
  const stolen = { ...body, version: [9, 9, 9] as const, sequence: 99, writer: keyOf(at.mallory).publicKey, grant }
  return signEntry<VersionEntry>(stolen as unknown as VersionEntry, keyOf(at.mallory))
}

test('forged entries, and entries for the glas of somebody else, change no name and are counted', async (t) => {
  const at = await scene(t)
  await at.mallory.call('push', plainPush(at.directory), { ...at.mallory.options }).catch(() => {})
  const entries = [...at.bob.parts.index.set.entries()]
  const victim = entries.find(({ body }) => body.kind === 'version') as Entry<VersionEntry>
  const ownGrant = [...at.mallory.parts.index.set.entries()].find(({ body }) => {
    return body.kind === 'grant' && Buffer.compare(body.owner, at.mallory.parts.home.owner.publicKey) === 0
  })
  const flipped = victim.bytes.slice()
  flipped[flipped.length - 5] = (flipped[flipped.length - 5] ?? 0) ^ 1
  const network = await at.mallory.parts.network()
  const before = await at.bob.call('log', { reference: at.reference }, at.bob.options)
  const stolen = claimFor(at, victim, ownGrant?.id ?? victim.body.grant)
  const borrowed = claimFor(at, victim, victim.body.grant)
  for (const bytes of [flipped, randomBytes(300), randomBytes(3_000), stolen.bytes, borrowed.bytes]) {
    await network.announce(bytes)
  }
  const counted = async () => Object.keys(await violationsOf(at, at.mallory)).length > 0
  let isCounted = false
  const timer = setInterval(() => void counted().then((yes) => (isCounted ||= yes)), 20)
  await until(() => isCounted).finally(() => clearInterval(timer))
  await network.catchUp(keyOf(at.bob).publicKey, t.signal)
  assert.equal(await at.bob.call('log', { reference: at.reference }, at.bob.options), before)
  const { refused } = await at.bob.call('homeStatus', {}, at.bob.options)
  assert.ok((refused.BadEntry ?? 0) + (refused.BadSignature ?? 0) > 0, JSON.stringify(refused))
  const done = await pull(at, at.reference)
  assert.equal(treeOf(done.directory), treeOf(at.directory))
})

/** Name -> how mallory makes it, and what bob is told. Nothing of any of them may be placed. */
const BOMBS: Record<string, { codes: string[]; make: (forge: Forge) => Promise<string> }> = {
  'a tebibyte of one leaf, honestly said': {
    codes: ['DiskFull'],
    make: async (forge) => {
      const contents = await forge.directory([{ name: 'a.image', cid: await forge.tebibyte() }])
      return forge.publish(contents, { sizeBytes: 2 ** 40 })
    },
  },
  'a tebibyte of one leaf where the record says a mebibyte': {
    codes: ['LimitExceeded'],
    make: async (forge) => forge.publish(await forge.directory([{ name: 'a.image', cid: await forge.tebibyte() }])),
  },
  'a file that says it is small and has a million leaves': {
    codes: ['LimitExceeded'],
    make: async (forge) => {
      const leaf = await forge.raw(new Uint8Array(MIB))
      const middle = await forge.repeated(leaf, 1024, MIB)
      const file = await forge.repeated(middle, 1000, MIB, 4_000)
      return forge.publish(await forge.directory([{ name: 'a.image', cid: file }]))
    },
  },
  'a file of a million empty leaves': {
    codes: ['LimitExceeded', 'UnknownFormat'],
    make: async (forge) => {
      const middle = await forge.repeated(await forge.raw(new Uint8Array(0)), 1024, 0)
      const file = await forge.repeated(middle, 1024, 0)
      return forge.publish(await forge.directory([{ name: 'a.image', cid: file }]))
    },
  },
  'a file that is shorter than it says': {
    codes: ['UnknownFormat'],
    make: async (forge) => {
      const file = await forge.repeated(await forge.raw(new Uint8Array(10)), 2, 10, 1_000)
      return forge.publish(await forge.directory([{ name: 'a.image', cid: file }]))
    },
  },
  'a file that is deeper than any': {
    codes: ['LimitExceeded'],
    make: async (forge) => {
      let cid = await forge.raw(new Uint8Array(10))
      for (let depth = 0; depth < 600; depth++) cid = await forge.repeated(cid, 1, 10)
      return forge.publish(await forge.directory([{ name: 'a.image', cid }]))
    },
  },
  'directories in directories, three hundred deep': {
    codes: ['UnsafePath'],
    make: async (forge) => {
      let cid = await forge.directory([])
      for (let depth = 0; depth < 300; depth++) cid = await forge.directory([{ name: 'd', cid }])
      return forge.publish(cid)
    },
  },
  'a directory that unfolds to 2^40 files': {
    codes: ['LimitExceeded'],
    make: async (forge) => {
      let cid = await forge.directory([{ name: 'a.image', cid: await forge.raw(Buffer.from('x')) }])
      for (let depth = 0; depth < 40; depth++) {
        cid = await forge.directory(['a', 'b'].map((name) => ({ name, cid })))
      }
      return forge.publish(cid)
    },
  },
  'a record that is larger than the entry says': {
    codes: ['BadRecord'],
    make: async (forge) => forge.publish(await forge.directory([]), { sizeBytes: 2 ** 30 }, { sizeBytes: 10 }),
  },
  'a record of another glas': {
    codes: ['BadRecord'],
    make: async (forge) => forge.publish(await forge.directory([]), { glasId: 'ab'.repeat(16) }),
  },
  'contents that are no directory': {
    codes: ['UnknownFormat'],
    make: async (forge) => forge.publish(await forge.pb(randomBytes(200))),
  },
  'attributes that are garbage': {
    codes: ['BadRecord'],
    make: async (forge) =>
      forge.publish(await forge.directory([]), { attributes: await forge.raw(Buffer.from('garbage')) }),
  },
  'a link to /etc': {
    codes: ['UnsafePath'],
    make: async (forge) => forge.publish(await forge.directory([{ name: 'etc', cid: await forge.symlink('/etc') }])),
  },
  'a link that leads out through another link': {
    codes: ['UnsafePath'],
    make: async (forge) => {
      const inner = await forge.directory([{ name: 'up', cid: await forge.symlink('..') }])
      const out = await forge.symlink('inner/up/../..')
      return forge.publish(
        await forge.directory([
          { name: 'inner', cid: inner },
          { name: 'out', cid: out },
        ]),
      )
    },
  },
  'one name twice, a link and a directory': {
    codes: ['UnsafePath'],
    make: async (forge) => {
      const inside = await forge.directory([{ name: 'x', cid: await forge.raw(Buffer.from('x')) }])
      return forge.publish(
        await forge.directory([
          { name: 'a', cid: await forge.symlink('b') },
          { name: 'a', cid: inside },
        ]),
      )
    },
  },
}

for (const name of ['..', '.', '', '../x', '/etc/passwd', 'a/b', 'a\0b', 'pintglas.ston']) {
  BOMBS[`a file called ${JSON.stringify(name)}`] = {
    codes: ['UnsafePath'],
    make: async (forge) => forge.publish(await forge.directory([{ name, cid: await forge.raw(Buffer.from('x')) }])),
  }
}

test('bombs and traps in the contents are refused by name, in little memory, before anything is placed', async (t) => {
  const at = await scene(t)
  const forge = new Forge(at.mallory)
  for (const [what, { codes, make }] of Object.entries(BOMBS)) {
    const reference = await make(forge)
    const beforeBytes = process.memoryUsage().rss
    const beginMs = performance.now()
    const code = await pullFailsWith(at, reference)
    const tookMs = performance.now() - beginMs
    const grownBytes = process.memoryUsage().rss - beforeBytes
    if (process.env.PINTGLAS_TEST_OUTPUT) console.log(`${what}: ${code}, ${tookMs} ms, ${grownBytes / MIB} MiB`)
    assert.ok(codes.includes(code), `${what}: ${code}`)
    assert.ok(grownBytes < 400 * MIB, `${what}: ${grownBytes} bytes more`)
    assert.equal(readdirSync(join(at.out, '..')).includes('out') ? readdirSync(at.out) : [], [], what)
  }
  const done = await pull(at, at.reference)
  assert.equal(treeOf(done.directory), treeOf(at.directory))
  assert.equal(readdirSync(at.out), ['back'])
})

test('an image name that is a path gets no directory of its own accord', async (t) => {
  const at = await scene(t)
  const forge = new Forge(at.mallory)
  for (const imageName of ['../../evil', '/tmp/evil', '..']) {
    const reference = await forge.publish(await forge.directory([]), { imageName, sizeBytes: 0 })
    const placing = at.bob.call('pull', { reference, base: at.out, force: false }, at.bob.options)
    assert.is(
      await placing.then(
        () => 'none',
        (error) => toGlasError(error).code,
      ),
      'UnsafePath',
      imageName,
    )
  }
})
