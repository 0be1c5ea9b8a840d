/** The services that this home places pins at, `remotes.json`: for its user alone, as tokens are in it. */
import { writeFileAtomic } from '../disk/atomic.ts'
import { readSmallFile, realFiles } from '../disk/files.ts'
import { GlasError } from '../glas/errors.ts'
import { KINDS, type Remote } from './remote-pinning.ts'

/** More is a mistake. */
const MAX_REMOTES = 100
const MAX_REMOTES_FILE_BYTES = 1024 * 1024
/** A JSON web token has about one kilobyte. */
export const MAX_TOKEN_BYTES = 8 * 1024
const MAX_URL_CHARS = 2048
const REMOTE_NAME = /^[a-z0-9][a-z0-9._-]{0,31}$/i
/** What may stand in an HTTP header. */
const TOKEN = /^[\x21-\x7e]*$/

export async function loadRemotes(path: string): Promise<Remote[]> {
  const bytes = await readSmallFile(realFiles, path, MAX_REMOTES_FILE_BYTES)
  if (bytes === undefined) return []
  try {
    const { remotes } = JSON.parse(Buffer.from(bytes).toString('utf8')) as { remotes: Remote[] }
    return remotes.map(checkedRemote)
  } catch (cause) {
    const message = `${path} is damaged. Remove it, and add the remotes again.`
    throw new GlasError('InvalidConfig', message, { cause })
  }
}

export async function saveRemotes(path: string, remotes: readonly Remote[]): Promise<void> {
  if (remotes.length > MAX_REMOTES) {
    throw new GlasError('LimitExceeded', `A home has at most ${MAX_REMOTES} remotes.`, {
      data: { limit: MAX_REMOTES, unit: 'remotes' },
    })
  }
  await writeFileAtomic(realFiles, path, Buffer.from(`${JSON.stringify({ remotes }, null, 2)}\n`), { mode: 0o600 })
}

export function remoteNamed(remotes: readonly Remote[], name: string): Remote {
  const remote = remotes.find((one) => one.name === name)
  if (remote !== undefined) return remote
  const known = remotes.map((one) => one.name).join(', ')
  const message = `There is no remote "${name}". ${known === '' ? '`pintglas remote add` adds one.' : `There are: ${known}.`}`
  throw new GlasError('NameNotFound', message)
}

/** Throws BadUsage, or InvalidName for a name; NotAllowed where a token would go out in the clear. */
export function checkedRemote({ name, kind, url, token }: Remote): Remote {
  if (!REMOTE_NAME.test(name)) {
    throw new GlasError(
      'InvalidName',
      `"${name}" is no name for a remote: letters, digits, dots and dashes, at most 32.`,
    )
  }
  if (!KINDS.includes(kind)) throw new GlasError('BadUsage', `"${kind}" is no kind of remote: ${KINDS.join(', ')}.`)
  if (!TOKEN.test(token) || token.length > MAX_TOKEN_BYTES) {
    throw new GlasError('BadUsage', 'The token has characters that no token has, or too many of them.')
  }
  const parsed = URL.canParse(url) && url.length <= MAX_URL_CHARS ? new URL(url) : undefined
  if (parsed === undefined || !/^https?:$/.test(parsed.protocol) || parsed.search !== '' || parsed.hash !== '') {
    throw new GlasError('BadUsage', `"${url}" is no address of a service, such as https://pins.example.org/psa.`)
  }
  if (parsed.username !== '' || parsed.password !== '') {
    throw new GlasError('BadUsage', 'A token stands in a file (--token-file), not in the address.')
  }
  if (parsed.protocol === 'http:' && !isLoopback(parsed.hostname)) {
    throw new GlasError(
      'NotAllowed',
      `${url} is not encrypted: anybody on the way could read and change it. Use https.`,
    )
  }
  return { name, kind, url: url.replace(/\/+$/, ''), token }
}

const isLoopback = (host: string): boolean => /^(127(\.\d+){3}|\[::1\]|localhost)$/.test(host)
