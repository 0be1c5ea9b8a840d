import type { CID } from 'multiformats/cid'
import { type Candidate, checkedPolicy, decide, type KeepPolicy } from '../glas/keep-policy.ts'
import { sameBytes } from '../glas/keys.ts'
import { versionText } from '../glas/version.ts'
import type { GlasView, Published } from '../index/glas-view.ts'
import { retractAll } from './annotate.ts'
import { tagsByRecord } from './log.ts'
import { findGlas } from './lookup.ts'
import type { Parts } from './parts.ts'
import type { CallOptions } from './progress.ts'

export interface PolicyArgs {
  /** A glas; null is every glas that this home may publish in. */
  reference: string | null
  policy: KeepPolicy
  /** Only tells. */
  dryRun: boolean
  /** Lets versions go on this machine alone, and looks only at those that are here. */
  here: boolean
  /** Looks only at what this peer has published itself. */
  ownOnly: boolean
}

export interface DecidedVersion {
  version: string
  record: string
  date: string
  sequence: number
  stays: boolean
  /** Why it stays: the rules that it counts for. */
  reasons: string[]
}

export interface PolicyResult {
  'dry-run': boolean
  /** Each with its newest version first. */
  glases: Array<{ 'glas-id': string; 'image-name': string; versions: DecidedVersion[] }>
}

/** Pins that a policy does not take away: somebody wants that very version. */
const PROTECTING: Record<string, string> = { user: 'pinned by hand', asked: 'another member asked for it' }

interface Standing extends Candidate {
  published: Published
}

/**
 * Lets go of the versions that a policy does not keep, as `forget` does with each: retracted for everyone, then no
 * longer pinned here. Each glas is looked at by itself. May be run again at will.
 */
export async function forgetByPolicy(parts: Parts, args: PolicyArgs, options: CallOptions): Promise<PolicyResult> {
  const policy = checkedPolicy(args.policy)
  const glases = args.reference === null ? ownGlases(parts) : [findGlas(parts, args.reference)]
  const result: PolicyResult = { 'dry-run': args.dryRun, glases: [] }
  for (const glas of glases) {
    const decisions = decide(standing(parts, glas, args), policy)
    if (!args.dryRun) {
      const going = decisions.filter(({ stays }) => !stays).map(({ version }) => version.published.record)
      await letGo(parts, glas, [...going, ...(args.here ? [] : halfForgotten(parts, glas))], args, options)
    }
    const versions = decisions.map(({ version: { published, sequence, date }, stays, reasons }) => {
      const { version } = published.entry.body
      return { version: versionText(version), record: String(published.record), date, sequence, stays, reasons }
    })
    result.glases.push({ 'glas-id': glas.glasId, 'image-name': glas.imageName, versions })
  }
  return result
}

function ownGlases({ home, index }: Pick<Parts, 'home' | 'index'>): GlasView[] {
  return index.view.glases().filter(({ glasId, owner }) => {
    return owner !== undefined && index.view.grants.usable(home.peer.publicKey, owner, glasId) !== undefined
  })
}

/** What the policy is about: all that was not retracted, forks included. */
function standing(parts: Parts, glas: GlasView, { here, ownOnly }: PolicyArgs): Standing[] {
  const tags = tagsByRecord(glas)
  return glas
    .versions()
    .flatMap(({ published }) => published)
    .filter(({ retracted, record, entry: { body } }) => {
      const isLooked = !here || parts.stock.pinReasons(record).length > 0
      return !retracted && isLooked && (!ownOnly || sameBytes(body.writer, parts.home.peer.publicKey))
    })
    .map((published) => {
      const { sequence, date } = published.entry.body
      const reason = parts.stock.pinReasons(published.record).find((one) => one in PROTECTING)
      const protectedBy = reason === undefined ? undefined : PROTECTING[reason]
      return { sequence, date, tags: tags.get(String(published.record)) ?? [], protectedBy, published }
    })
}

/** What was retracted in a run that was killed before it let go of the bytes. */
function halfForgotten({ stock }: Pick<Parts, 'stock'>, glas: GlasView): CID[] {
  const all = glas.versions().flatMap(({ published }) => published)
  return all
    .filter(({ retracted, record }) => retracted && stock.pinReasons(record).join() === 'own')
    .map(({ record }) => record)
}

async function letGo(
  parts: Parts,
  glas: GlasView,
  records: readonly CID[],
  { here }: PolicyArgs,
  options: CallOptions,
): Promise<void> {
  if (records.length === 0) return
  options.signal.throwIfAborted()
  const told = records.filter((record) => glas.byRecord(record)?.retracted === false)
  if (!here && told.length > 0) await retractAll(parts, glas, told, options)
  for (const record of records) await parts.stock.unpin(record)
  await parts.stock.commit()
  parts.running()?.claim([], [...records])
}
