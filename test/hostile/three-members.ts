import { join } from 'node:path'
import type { KeyPair } from '../../src/glas/keys.ts'
import { type ImageDirectory, imageDirectory } from '../gen/directory.ts'
import type { TestContext } from '../harness.ts'
import { type OpenHome, openHomeHere, plainPush } from '../home-parts.ts'
import { newFolder } from '../home-peer.ts'
import { until } from '../loopback.ts'

const INVITE = { hours: 1, mayInvite: false, grant: null, addresses: [] }
export interface Scene {
  ann: OpenHome
  bob: OpenHome
  mallory: OpenHome
  /** An honest version of ann's. */
  reference: string
  directory: string
  /** The same, to go on with. */
  image: ImageDirectory
  out: string
}

/** Three members of one swarm: ann has an honest version, bob wants it, mallory lies. */
export async function scene(t: TestContext): Promise<Scene> {
  const folder = newFolder(t)
  const image = imageDirectory(join(folder, 'ants'), { seed: 6, sizeBytes: 1_500_000, name: 'Ants' })
  const directory = image.path
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
  return { ann, bob, mallory, reference: `${pushed['glas-id']}@0.0.1`, directory, image, out }
}

export const keyOf = (home: OpenHome): KeyPair => home.parts.home.peer

export const pull = ({ bob, out }: Scene, reference: string, name = 'back') =>
  bob.call('pull', { reference, target: join(out, name), base: out, force: false }, bob.options)
