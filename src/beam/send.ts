import { GlasError, isGlasError, toGlasError } from '../glas/errors.ts'
import { type PublicKey, peerIdText, peerKeyOf, sameBytes } from '../glas/keys.ts'
import { versionText } from '../glas/version.ts'
import type { Published } from '../index/glas-view.ts'
import type { Network } from '../net/network.ts'
import { memberNamed, peerName } from './names.ts'
import type { Parts } from './parts.ts'
import type { CallOptions } from './progress.ts'
import { changeConfig } from './settings.ts'
import { placeAt } from './spread.ts'

export interface SendRules {
  /** Members that everything published here goes to. */
  to: Array<{ member: string; peerId: string }>
}

type Sending = Pick<Parts, 'home' | 'swarm'>

/** Has everything that is published here, before and from now on, go to a member by itself. */
export async function send(parts: Sending, { peer }: { peer: string }): Promise<SendRules> {
  const peerKey = memberNamed(parts, peer)
  if (sameBytes(peerKey, parts.home.peer.publicKey)) throw new GlasError('BadUsage', 'That is this machine itself.')
  await changeConfig(parts, { send: [...new Set([...parts.home.config.send, peerIdText(peerKey)])] })
  return sending(parts)
}

/** What was sent stays there. NameNotFound when there is no such rule. */
export async function unsend(parts: Sending, { peer }: { peer: string }): Promise<SendRules> {
  const isMeant = (id: string) => id === peer || nameOf(parts, id) === peer
  const others = parts.home.config.send.filter((id) => !isMeant(id))
  if (others.length === parts.home.config.send.length) {
    throw new GlasError('NameNotFound', `Nothing is sent to "${peer}". \`pintglas send\` lists the rules.`)
  }
  await changeConfig(parts, { send: others })
  return sending(parts)
}

export async function sending(parts: Sending): Promise<SendRules> {
  return { to: parts.home.config.send.map((peerId) => ({ member: nameOf(parts, peerId), peerId })) }
}

function nameOf(parts: Sending, peerId: string): string {
  return peerName(parts, peerKeyOf(peerId))
}

/** What could not be sent, by peer and record: said once, not in every round. */
export type SendFailures = Set<string>

/** One round: asks each member of the rules that is connected to take what it does not hold, the newest first. */
export async function sendPublished(parts: Parts, failures: SendFailures, options: CallOptions): Promise<void> {
  const network = await parts.network()
  for (const peerId of parts.home.config.send) {
    const peerKey = peerKeyOf(peerId)
    const isUp = network.membersUp().some((one) => sameBytes(one, peerKey))
    if (isUp) await sendTo(parts, network, { peerKey, failures }, options)
  }
}

async function sendTo(
  parts: Parts,
  network: Network,
  { peerKey, failures }: { peerKey: PublicKey; failures: SendFailures },
  options: CallOptions,
): Promise<void> {
  for (const published of publishedHere(parts)) {
    const { record } = published
    if (network.holders.holders(record).some((holder) => sameBytes(holder.peerKey, peerKey))) continue
    const what = `${nameOfVersion(published)} to ${peerName(parts, peerKey)}`
    try {
      await placeAt(network, peerKey, record, { ...options, onProgress: () => {} })
      options.onMessage(`Sent ${what}.`)
    } catch (error) {
      options.signal.throwIfAborted()
      const failure = `${peerIdText(peerKey)} ${record}`
      if (!failures.has(failure)) options.onMessage(`Could not send ${what}: ${toGlasError(error).message}`)
      failures.add(failure)
      if (isGlasError(error) && error.retryable) return // it has gone, or is busy: the next round goes on
    }
  }
}

/** Published by this home, kept here and not retracted; by glas, the newest first. */
function publishedHere({ index, stock, home }: Parts): Published[] {
  const isOurs = ({ record, entry, retracted }: Published) =>
    !retracted && sameBytes(entry.body.writer, home.peer.publicKey) && stock.pinReasons(record).length > 0
  return index.view.glases().flatMap((glas) => {
    const versions = glas.versions().reverse()
    return versions.flatMap(({ published }) => published.filter(isOurs))
  })
}

function nameOfVersion({ entry: { body } }: Published): string {
  return `${body.imageName}@${versionText(body.version)}`
}
