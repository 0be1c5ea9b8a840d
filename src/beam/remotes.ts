import { GlasError } from '../glas/errors.ts'
import type { Remote, RemoteKind } from '../remote/remote-pinning.ts'
import { checkedRemote, loadRemotes, remoteNamed, saveRemotes } from '../remote/remotes.ts'
import type { Parts } from './parts.ts'

/** A remote without its token. */
export interface ListedRemote {
  name: string
  kind: RemoteKind
  url: string
  'has-token': boolean
}

/** All of them. Nobody is asked anything. */
export async function remotes({ home }: Pick<Parts, 'home'>): Promise<{ remotes: ListedRemote[] }> {
  return listed(await loadRemotes(home.folder.remotes))
}

/** InvalidName, BadUsage, NotAllowed; TargetExists for a name that is taken. */
export async function addRemote({ home }: Pick<Parts, 'home'>, remote: Remote): Promise<{ remotes: ListedRemote[] }> {
  const known = await loadRemotes(home.folder.remotes)
  if (known.some(({ name }) => name === remote.name)) {
    const message = `There is a remote "${remote.name}" already. \`pintglas remote remove ${remote.name}\` forgets it.`
    throw new GlasError('TargetExists', message)
  }
  const all = [...known, checkedRemote(remote)]
  await saveRemotes(home.folder.remotes, all)
  return listed(all)
}

/** Forgets it, token and all. What it keeps it goes on to keep. */
export async function removeRemote(
  { home }: Pick<Parts, 'home'>,
  { name }: { name: string },
): Promise<{ remotes: ListedRemote[] }> {
  const known = await loadRemotes(home.folder.remotes)
  const gone = remoteNamed(known, name)
  const all = known.filter((remote) => remote !== gone)
  await saveRemotes(home.folder.remotes, all)
  return listed(all)
}

function listed(all: readonly Remote[]): { remotes: ListedRemote[] } {
  return { remotes: all.map(({ name, kind, url, token }) => ({ name, kind, url, 'has-token': token !== '' })) }
}
