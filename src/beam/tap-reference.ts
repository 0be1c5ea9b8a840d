import { GlasError } from '../glas/errors.ts'
import type { ListedTap } from './live.ts'

/** Candidates that a message names. */
const MAX_CANDIDATES = 20

/**
 * The tap that a person means: by its name, its id, its directory, `host:directory`, or the last with `/name`; each with
 * `@machine` behind it, which is a member's name or peer id, where several have it. PeerNotFound, AmbiguousName.
 */
export function tapNamed(taps: readonly ListedTap[], text: string): ListedTap {
  const found = taps.filter((tap) => namesOf(tap).includes(text))
  const [only] = found
  if (only !== undefined && found.length === 1) return only
  const there = candidates(found.length > 0 ? found : taps)
  if (found.length > 1) {
    const message = `${found.length} images that run are called "${text}": ${there.join(', ')}. Type more of it.`
    throw new GlasError('AmbiguousName', message, { data: { candidates: there } })
  }
  const others = there.length === 0 ? 'None is known: `pintglas live`.' : `There are: ${there.join(', ')}.`
  throw new GlasError('PeerNotFound', `No image that runs is called "${text}". ${others}`, { data: { there } })
}

function namesOf(tap: ListedTap): string[] {
  const { name, id, host, path, peerId } = tap
  const names = path === '' ? [name] : [name, path, `${host}:${path}`, placeOf(tap)]
  return [...names, id, `${id}@${peerId}`, ...namesAtPeer(tap)]
}

/** What to type for each of them: the shortest that means no other; two without a path may have none. */
function candidates(taps: readonly ListedTap[]): string[] {
  const shown = taps.map((tap) => {
    const names = namesAtPeer(tap)
    const isAlone = (name: string) => taps.filter((other) => namesAtPeer(other).includes(name)).length === 1
    return names.find(isAlone) ?? names.at(-1) ?? tap.name
  })
  return [...new Set(shown)].slice(0, MAX_CANDIDATES)
}

/** With the machine behind, the shortest first: members may have the same name. */
function namesAtPeer(tap: ListedTap): string[] {
  const { name, host, path, peer, peerId } = tap
  const names = path === '' ? [name] : [name, placeOf(tap), path, `${host}:${path}`]
  return [peer, peerId].flatMap((at) => names.map((one) => `${one}@${at}`))
}

function placeOf({ host, path, name }: ListedTap): string {
  return `${host}:${path}/${name}`
}
