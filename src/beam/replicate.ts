import { createHash } from 'node:crypto'
import type { CID } from 'multiformats/cid'
import { GlasError, toGlasError } from '../glas/errors.ts'
import { type PublicKey, sameBytes, toHex } from '../glas/keys.ts'
import { versionText } from '../glas/version.ts'
import type { FollowRule } from '../home/config.ts'
import type { GlasView, Published } from '../index/glas-view.ts'
import { fetchVersion } from './fetch.ts'
import { requireRoom } from './hold.ts'
import type { Parts } from './parts.ts'
import type { CallOptions } from './progress.ts'

/** Pins of this reason come and go with the rules. */
const BY_RULE = 'follow'
/**
 * Peers that would all take the missing copy wait by their rank, for so long each and the time that a slow line takes
 * for it: by then the one before has said that it holds it, or has failed.
 */
const RANK_DELAY_MS = 10_000
const SLOW_LINE_BYTES_PER_MS = 4_000

/** What a round did, and when to look again for copies that are missing. */
export interface Replicated {
  fetched: string[]
  released: string[]
  /** Undefined when nothing waits for its turn. */
  againInMs: number | undefined
}

/** What is kept from round to round, by record. */
export interface Remembered {
  /** Since when copies are missing, by the monotonic clock. */
  missingSince: Map<string, number>
  /** Why a version could not be copied when that was last said: the same is not said again. */
  failures: Map<string, string>
}

/**
 * Copies by itself what the rules say: the newest versions of what is followed, as far as the quota goes, and lets go
 * what no rule wants any more. One version that cannot be had does not stop the others.
 */
export async function replicate(parts: Parts, remembered: Remembered, options: CallOptions): Promise<Replicated> {
  const done: Replicated = { fetched: [], released: [], againInMs: undefined }
  const wanted = new Map<string, { published: Published; rule: FollowRule }>()
  for (const rule of parts.home.config.follow) {
    for (const published of wantedBy(parts, rule)) wanted.set(String(published.record), { published, rule })
  }
  for (const known of [remembered.missingSince, remembered.failures]) {
    for (const record of known.keys()) if (!wanted.has(record)) known.delete(record)
  }
  await release(parts, wanted, done)
  for (const { published, rule } of wanted.values()) {
    if (parts.stock.pinReasons(published.record).length > 0) continue
    const waitMs = await turn(parts, remembered, { published, rule })
    if (waitMs > 0) done.againInMs = Math.min(done.againInMs ?? waitMs, waitMs)
    else await fetchOne(parts, remembered, { published, rule, done }, options)
  }
  if (done.fetched.length + done.released.length > 0) await parts.stock.commit()
  return done
}

/** The newest `keep` versions of each glas that the rule names; of a fork every form, for none may get lost. */
function wantedBy({ index }: Parts, { what, id, keep }: FollowRule): Published[] {
  const isMeant = (glas: GlasView) => {
    if (what === 'all') return true
    return what === 'glas' ? glas.glasId === id : glas.owner !== undefined && toHex(glas.owner) === id
  }
  return index.view
    .glases()
    .filter(isMeant)
    .flatMap((glas) => {
      const standing = glas.versions().filter(({ isRetracted }) => !isRetracted)
      const kept = keep === 0 ? standing : standing.slice(-keep)
      return kept.reverse().flatMap(({ published }) => published.filter(({ retracted }) => !retracted))
    })
}

async function release(parts: Parts, wanted: ReadonlyMap<string, unknown>, done: Replicated): Promise<void> {
  const network = await parts.network()
  for (const { cid, reasons } of parts.stock.pins()) {
    if (!reasons.includes(BY_RULE) || wanted.has(String(cid))) continue
    await parts.stock.unpin(cid, BY_RULE)
    done.released.push(String(cid))
    if (reasons.length === 1) network.claim([], [cid])
  }
}

/** How long to wait before this peer takes a copy: 0 for now, Infinity when there are enough. */
async function turn(
  parts: Parts,
  { missingSince }: Remembered,
  { published, rule }: { published: Published; rule: FollowRule },
): Promise<number> {
  if (rule.copies === 0) return 0
  const { record, entry } = published
  const network = await parts.network()
  const awayMs = parts.home.config.repairAfterSeconds * 1000
  const isUp = (peerKey: PublicKey) => network.membersUp().some((up) => sameBytes(up, peerKey))
  const holders = network.holders.holders(record)
  const counted = holders.filter(({ peerKey, lastSeenMs }) => isUp(peerKey) || lastSeenMs < awayMs)
  const name = String(record)
  if (counted.length >= rule.copies) {
    missingSince.delete(name)
    const firstGone = Math.min(
      ...counted.filter(({ peerKey }) => !isUp(peerKey)).map(({ lastSeenMs }) => awayMs - lastSeenMs),
    )
    return Math.max(firstGone, 1)
  }
  const since = missingSince.get(name) ?? performance.now()
  missingSince.set(name, since)
  // All members, connected or not: followers that have not found each other yet must agree on who is first, too.
  // Whoever published it is none of them, whether its claim came before the entry or not.
  const others = [entry.body.writer, ...holders.map(({ peerKey }) => peerKey)]
  const members = parts.swarm.membership.members().map(({ peerKey }) => peerKey)
  const candidates = members.filter((peerKey) => !others.some((other) => sameBytes(other, peerKey)))
  const rank = rankAmong(candidates, parts.home.peer.publicKey, record)
  const delayMs = RANK_DELAY_MS + entry.body.sizeBytes / SLOW_LINE_BYTES_PER_MS
  return Math.max(0, since + rank * delayMs - performance.now())
}

/** Every peer computes the same order for a record, another one for the next: the work is shared. */
function rankAmong(candidates: readonly PublicKey[], own: PublicKey, record: CID): number {
  const place = (peerKey: PublicKey) => createHash('sha256').update(record.bytes).update(peerKey).digest('hex')
  return candidates.filter((peerKey) => place(peerKey) < place(own)).length
}

async function fetchOne(
  parts: Parts,
  { failures }: Remembered,
  { published, rule, done }: { published: Published; rule: FollowRule; done: Replicated },
  options: CallOptions,
): Promise<void> {
  const { record, entry } = published
  const { glasId, imageName, version, sizeBytes } = entry.body
  const name = `${imageName}@${versionText(version)}`
  try {
    await requireQuota(parts, rule, sizeBytes)
    await requireRoom(parts, sizeBytes)
    await fetchVersion(parts, { record, glasId }, BY_RULE, options)
    const network = await parts.network()
    network.claim([record])
    done.fetched.push(name)
    failures.delete(String(record))
    options.onMessage(`Copied ${name}.`)
  } catch (error) {
    options.signal.throwIfAborted()
    const { code, message } = toGlasError(error)
    if (code === 'NoProviders' || failures.get(String(record)) === message) return
    failures.set(String(record), message)
    options.onMessage(`Could not copy ${name}: ${message}`)
  }
}

async function requireQuota({ stock }: Parts, { quotaBytes }: FollowRule, sizeBytes: number): Promise<void> {
  if (quotaBytes === 0) return
  const { packBytes } = await stock.totals()
  if (packBytes + sizeBytes <= quotaBytes) return
  throw new GlasError(
    'LimitExceeded',
    `The quota of ${quotaBytes} bytes is used up. Raise it with \`pintglas follow\`.`,
    {
      data: { limit: quotaBytes, value: packBytes + sizeBytes, unit: 'bytes' },
    },
  )
}
