import { randomBytes } from 'node:crypto'
import { existsSync, readdirSync } from 'node:fs'
import * as assert from 'uvu/assert'
import { toGlasError } from '../../src/glas/errors.ts'
import { treeOf } from '../cli/process.ts'
import { test } from '../harness.ts'
import { Forge } from './forge.ts'
import { pull, type Scene, scene } from './three-members.ts'

const MIB = 1024 * 1024
/** What one bomb may cost the process, in which the liar runs, too. */
const MAX_GROWN_BYTES = 400 * MIB

async function pullFailsWith(at: Scene, reference: string): Promise<string> {
  try {
    await pull(at, reference, 'bomb')
    return 'none'
  } catch (error) {
    return toGlasError(error).code
  }
}

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
  let keptForRoom = 0
  for (const [what, { codes, make }] of Object.entries(BOMBS)) {
    const reference = await make(forge)
    const beforeBytes = process.memoryUsage().rss
    const beginMs = performance.now()
    const code = await pullFailsWith(at, reference)
    const tookMs = performance.now() - beginMs
    const grownBytes = process.memoryUsage().rss - beforeBytes
    if (process.env.PINTGLAS_TEST_OUTPUT) console.log(`${what}: ${code}, ${tookMs} ms, ${grownBytes / MIB} MiB`)
    assert.ok(codes.includes(code), `${what}: ${code}`)
    assert.ok(grownBytes < MAX_GROWN_BYTES, `${what}: ${grownBytes} bytes more`)
    assert.equal(existsSync(at.out) ? readdirSync(at.out) : [], [], what)
    const pins = at.bob.parts.stock.pins().length
    if (code === 'DiskFull') keptForRoom++
    assert.is(pins, keptForRoom, `${what}: what cannot be placed is not kept`)
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
