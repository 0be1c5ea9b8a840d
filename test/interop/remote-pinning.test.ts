/** Copies of public versions at a real Kubo, through the use cases; and a real Kubo as the client of our test's service. */
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { pinRemotely, remotePins, unpinRemotely } from '../../src/beam/remote-pins.ts'
import { addRemote } from '../../src/beam/remotes.ts'
import type { Network } from '../../src/net/network.ts'
import { imageDirectory } from '../gen/directory.ts'
import { test } from '../harness.ts'
import { newFolder } from '../home-peer.ts'
import { NO_KUBO, newKubo } from '../kubo/kubo.ts'
import { codeOf } from '../loopback.ts'
import { type KeptPin, newService, pinningService, TOKEN } from '../remote/services.ts'
import { newPublicHome } from './public-home.ts'

const NEEDS_KUBO = { skip: NO_KUBO, limitMs: 240_000 }

test(
  'a public version is placed at a Kubo, listed, and removed again; a private one is refused',
  async (t) => {
    const folder = newFolder(t)
    const home = await newPublicHome(t, folder)
    const image = imageDirectory(join(folder, 'Ants'), { seed: 1, sizeBytes: 2_500_000 })
    const { record } = await home.push(image.path)
    const address = await home.publish(record)
    const kubo = await newKubo(t, folder)
    const options = { signal: t.signal, offline: false, onProgress: () => {}, onMessage: () => {} }
    const network = { multiaddrs: () => [address], meet: async () => {} } as unknown as Network
    const parts = { ...home.parts, isPublic: () => true, network: async () => network }
    await addRemote(parts, { name: 'kubo', kind: 'kubo', url: kubo.rpcUrl(), token: '' })
    const named = { reference: 'Ants', remote: 'kubo' }
    assert.is(await codeOf(pinRemotely({ ...parts, isPublic: () => false }, named, options)), 'NotAllowed')
    assert.equal((await remotePins(parts, { remote: 'kubo' }, options)).pins, [])
    assert.is((await pinRemotely(parts, named, options)).state, 'pinned')
    assert.match(await kubo.text('pin', 'ls', '--type=recursive', '--names', record), 'Ants@0.0.1')
    const { pins } = await remotePins(parts, { remote: 'kubo' }, options)
    assert.equal(
      pins.map((pin) => `${pin['image-name']}@${pin.version} ${pin.state}`),
      ['Ants@0.0.1 pinned'],
    )
    assert.is((await unpinRemotely(parts, named, options)).state, 'none')
    assert.is(await codeOf(unpinRemotely(parts, named, options)), 'GlasNotStocked')
    assert.not.ok((await kubo.text('pin', 'ls', '--type=recursive', '--quiet')).includes(record))
  },
  NEEDS_KUBO,
)

test(
  'the pinning service that our client is tested with is one to the client of Kubo as well',
  async (t) => {
    const folder = newFolder(t)
    const kubo = await newKubo(t, folder)
    const pins: KeptPin[] = []
    const url = await newService(t, pinningService(pins))
    const cid = await kubo.text('add', '--quieter', '--cid-version=1', join(import.meta.filename))
    await kubo.text('pin', 'remote', 'service', 'add', 'far', url, TOKEN)
    await kubo.text('pin', 'remote', 'add', '--service=far', '--name=test', '--background', cid)
    assert.is(pins[0]?.pin.cid, cid)
    const listed = await kubo.text('pin', 'remote', 'ls', '--service=far', '--status=queued')
    assert.match(listed, cid)
    await kubo.text('pin', 'remote', 'rm', '--service=far', '--status=queued', `--cid=${cid}`)
    assert.equal(pins, [])
  },
  NEEDS_KUBO,
)
