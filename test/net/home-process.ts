/**
 * One home in a process of its own. Commands come as JSON lines on standard input (`{id, verb, args}`), answers and
 * events go as JSON lines to standard output. Arguments: folder, seed of the peer key in hex, name, listen address.
 */
import { createInterface } from 'node:readline'
import { realFiles } from '../../src/disk/files.ts'
import { toGlasError } from '../../src/glas/errors.ts'
import { fromHex, keyPairFromSeed } from '../../src/glas/keys.ts'
import { addressText, parseAddress } from '../../src/net/address.ts'
import { openPeer } from '../../src/net/peer.ts'

const [folder = '', seed = '', name = '', listen = '127.0.0.1:0'] = process.argv.slice(2)
const keyPair = keyPairFromSeed(fromHex(seed))
const say = (line: Record<string, unknown>) => void process.stdout.write(`${JSON.stringify(line)}\n`)

const peer = await openPeer(
  {
    files: realFiles,
    folder,
    identity: { peer: keyPair, owner: keyPair.publicKey, name },
    listen: [parseAddress(listen)],
  },
  {
    blocks: { has: async () => false, get: async () => undefined },
    signGrant: async () => new Uint8Array(),
    receive: {
      entry: async (bytes) => {
        say({ event: 'entry', text: Buffer.from(bytes).toString() })
        return 'forward'
      },
      claim: async () => 'drop',
      taps: async () => 'drop',
    },
    onViolation: (_, error) => say({ event: 'violation', code: error.code }),
    onNotice: (error) => say({ event: 'notice', message: error.message }),
  },
)
peer.on('member:up', () => say({ event: 'up', count: peer.node.members.up().length }))
peer.on('member:down', () => say({ event: 'down', count: peer.node.members.up().length }))
await peer.prepare()
peer.start()
say({ event: 'ready', address: addressText(peer.addresses()[0]!) })

const VERBS: Record<string, (text: string) => Promise<unknown>> = {
  invite: () => peer.invite({ mayInvite: true }),
  join: async (line) => (await peer.join(line)).grants.length,
  publish: (text) => peer.publish('entry', Buffer.from(text)),
  members: async () => peer.swarm.membership.members().map((member) => member.name),
  stop: () => peer.close(),
}

for await (const line of createInterface({ input: process.stdin })) {
  const { id, verb, text = '' } = JSON.parse(line)
  try {
    say({ id, result: await VERBS[verb]!(text) })
  } catch (error) {
    say({ id, code: toGlasError(error).code })
  }
  if (verb === 'stop') break
}
process.stdin.destroy()
