import { GlasError } from '../glas/errors.ts'
import { Cluster } from './cluster.ts'
import { RemoteFailure } from './http.ts'
import { KuboRpc } from './kubo.ts'
import { PinningService } from './pinning-service.ts'
import type { Remote, RemoteKind, RemotePinning } from './remote-pinning.ts'

const CLIENTS: Record<RemoteKind, new (remote: Remote) => RemotePinning> = {
  'pinning-service': PinningService,
  kubo: KuboRpc,
  cluster: Cluster,
}

/** Asks a remote for something; what it refuses becomes an error with a code. */
export async function withRemote<Result>(
  remote: Remote,
  work: (pinning: RemotePinning) => Promise<Result>,
): Promise<Result> {
  try {
    return await work(new CLIENTS[remote.kind](remote))
  } catch (error) {
    throw error instanceof RemoteFailure ? refusal(remote, error) : error
  }
}

function refusal(remote: Remote, { status, message: reason }: RemoteFailure): GlasError {
  const said = reason === '' ? '' : `: ${reason}`
  const data = { remote: remote.name, status }
  if (status === 401 || status === 403) {
    const message = `"${remote.name}" does not take this token (${status}${said}). Add it again with --token-file.`
    return new GlasError('NotAllowed', message, { data })
  }
  if (status >= 500 || status === 429) {
    return new GlasError('PeerUnreachable', `"${remote.name}" failed (${status}${said}). Try again later.`, { data })
  }
  const message = `"${remote.name}" refused (${status}${said}). Is ${remote.url} the address of a ${remote.kind}?`
  return new GlasError('NotAllowed', message, { data })
}
