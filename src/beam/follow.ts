import { GlasError } from '../glas/errors.ts'
import { fromHex, toHex } from '../glas/keys.ts'
import type { FollowRule } from '../home/config.ts'
import { findGlas } from './lookup.ts'
import { memberNamed, peerName } from './names.ts'
import type { Parts } from './parts.ts'
import { changeConfig } from './settings.ts'

export interface ListedRule extends FollowRule {
  /** Image name of a glas, name of an owner's machine. */
  name: string
}

type Following = Pick<Parts, 'home' | 'index' | 'swarm'>

export interface FollowArgs {
  /** `all`, a member (its owner is meant), an owner's key in hex, or a glas. */
  whom: string
  keep: number
  quotaBytes: number
  copies: number
}

/** Has this peer copy by itself what is published. Following the same again changes its numbers. */
export async function follow(parts: Following, { whom, ...numbers }: FollowArgs): Promise<{ rules: ListedRule[] }> {
  const rule = { ...subjectOf(parts, whom), ...numbers }
  const others = parts.home.config.follow.filter((other) => other.what !== rule.what || other.id !== rule.id)
  await changeConfig(parts, { follow: [...others, rule] })
  return following(parts)
}

/** What was copied by the rule alone is let go at the daemon's next look. NameNotFound when it is not followed. */
export async function unfollow(parts: Following, { whom }: { whom: string }): Promise<{ rules: ListedRule[] }> {
  const { what, id } = subjectOf(parts, whom)
  const others = parts.home.config.follow.filter((rule) => rule.what !== what || rule.id !== id)
  if (others.length === parts.home.config.follow.length) {
    throw new GlasError('NameNotFound', `"${whom}" is not followed. \`pintglas follow\` lists what is.`)
  }
  await changeConfig(parts, { follow: others })
  return following(parts)
}

export async function following(parts: Following): Promise<{ rules: ListedRule[] }> {
  return { rules: parts.home.config.follow.map((rule) => ({ ...rule, name: nameOf(parts, rule) })) }
}

function subjectOf(parts: Following, whom: string): Pick<FollowRule, 'what' | 'id'> {
  if (whom === 'all') return { what: 'all', id: '' }
  if (/^[0-9a-f]{64}$/.test(whom)) return { what: 'owner', id: whom }
  const member = parts.swarm.membership.members().find(({ name }) => name === whom)
  if (member !== undefined || whom.startsWith('12D3')) {
    const owner = parts.swarm.membership.member(memberNamed(parts, whom))?.owner
    if (owner !== undefined) return { what: 'owner', id: toHex(owner) }
  }
  if (/^[0-9a-f]{32}$/.test(whom)) return { what: 'glas', id: whom }
  return { what: 'glas', id: findGlas(parts, whom).glasId }
}

function nameOf(parts: Following, { what, id }: FollowRule): string {
  if (what === 'all') return 'everything in the swarm'
  if (what === 'glas') return parts.index.view.glas(id)?.imageName ?? ''
  const owner = fromHex(id)
  const machine = parts.swarm.membership.members().find((member) => Buffer.compare(member.owner, owner) === 0)
  return machine === undefined ? '' : peerName(parts, machine.peerKey)
}
