import { readFileSync, statSync, writeFileSync } from 'node:fs'
import * as assert from 'uvu/assert'
import { cidOf, RAW_CODEC } from '../../src/glas/hash.ts'
import { imageDirectory } from '../gen/directory.ts'
import { test } from '../harness.ts'
import { newFolder } from '../home-peer.ts'
import { type KeptPin, newService, pinningService, TOKEN } from '../remote/services.ts'
import { newMachine } from './home.ts'

/** Some ten processes a test: on a busy machine each takes seconds to start. */
const SLOW = { limitMs: 180_000 }

test(
  'a remote is added with a token that nobody else can read and no verb prints',
  async (t) => {
    const laptop = await newMachine(t, newFolder(t), 'laptop')
    writeFileSync(laptop.path('token'), `${TOKEN}\n`)
    const url = await newService(t, pinningService([]))
    assert.match((await laptop.run('remote')).stdout, 'No remotes')
    const added = await laptop.run('--json', 'remote', 'add', 'far', `${url}/`, '--token-file', laptop.path('token'))
    assert.equal(JSON.parse(added.stdout), {
      remotes: [{ name: 'far', kind: 'pinning-service', url, 'has-token': true }],
    })
    const kept = laptop.path('.pintglas', 'remotes.json')
    assert.is(statSync(kept).mode & 0o777, 0o600)
    assert.match(readFileSync(kept, 'utf8'), TOKEN)
    for (const args of [['remote'], ['remote', 'pins', 'far'], ['config'], ['remote', 'remove', 'far']]) {
      const { stdout, stderr } = await laptop.run('--json', ...args)
      assert.not.ok(`${stdout}${stderr}`.includes(TOKEN), args.join(' '))
    }
    assert.not.ok(readFileSync(kept, 'utf8').includes(TOKEN))
  },
  SLOW,
)

test(
  'what is no remote is refused with the reason',
  async (t) => {
    const laptop = await newMachine(t, newFolder(t), 'laptop')
    const codeFor = async (...args: string[]) => (await laptop.bad('remote', 'add', ...args)).code
    assert.is(await codeFor('far', 'http://pins.example.org'), 'NotAllowed')
    assert.is(await codeFor('far', 'pins.example.org'), 'BadUsage')
    assert.is(await codeFor('far', 'https://me:secret@pins.example.org'), 'BadUsage')
    assert.is(await codeFor('far', 'https://pins.example.org', '--kind', 'ftp'), 'BadUsage')
    assert.is(await codeFor('a/b', 'https://pins.example.org'), 'InvalidName')
    assert.is(await codeFor('far', 'https://pins.example.org', '--token-file', 'nothing'), 'FileError')
    await laptop.good('remote', 'add', 'far', 'https://pins.example.org')
    assert.is(await codeFor('far', 'https://pins.example.org'), 'TargetExists')
    assert.is((await laptop.bad('remote', 'remove', 'near')).code, 'NameNotFound')
  },
  SLOW,
)

test(
  'a private version goes to no remote, and of what a remote keeps the rest is counted',
  async (t) => {
    const laptop = await newMachine(t, newFolder(t), 'laptop')
    writeFileSync(laptop.path('token'), TOKEN)
    const pins: KeptPin[] = []
    const service = pinningService(pins)
    const url = await newService(t, service)
    await laptop.good('remote', 'add', 'far', url, '--token-file', laptop.path('token'))
    imageDirectory(laptop.path('Ants'), { seed: 1, sizeBytes: 400_000 })
    const { record } = await laptop.good('push', 'Ants')
    const refused = await laptop.bad('pin', 'Ants', '--remote', 'far')
    assert.is(`${refused.code} ${refused.exit}`, 'NotAllowed 3')
    assert.match(refused.message, 'private')
    assert.equal(pins, [])
    const other = cidOf(RAW_CODEC, Buffer.from('other')).toString()
    for (const cid of [record, other]) service({ method: 'POST', url: new URL('http://localhost/pins'), body: { cid } })
    assert.is((await laptop.bad('--offline', 'remote', 'pins', 'far')).code, 'NotAllowed')
    const { pins: listed, others } = await laptop.good('remote', 'pins', 'far')
    assert.is(others, 1)
    assert.equal(listed, [{ 'image-name': 'Ants', version: '0.0.1', record, remote: 'far', state: 'queued', info: '' }])
    assert.is((await laptop.good('unpin', 'Ants', '--remote', 'far')).state, 'none')
    assert.is((await laptop.bad('unpin', 'Ants', '--remote', 'far')).code, 'GlasNotStocked')
  },
  SLOW,
)
