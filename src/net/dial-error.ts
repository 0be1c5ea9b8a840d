import { GlasError } from '../glas/errors.ts'
import { type Address, hostPort } from './address.ts'

/** Why nobody was reached, in words that say what to do. libp2p wraps system errors in its own, several deep. */
export function dialError(addresses: readonly Address[], cause: unknown): GlasError {
  const where = addresses.map(hostPort).join(', ') || 'any known address'
  const { names, text } = everyCause(cause)
  const data = { addresses: addresses.map(hostPort) }
  const unreachable = (message: string, retryable = true) =>
    new GlasError('PeerUnreachable', message, { cause, data, retryable })
  if (names.has('ECONNREFUSED')) {
    return unreachable(`Nothing listens at ${where}. Is \`pintglas daemon\` running there, and does it listen?`)
  }
  if (names.has('ENOTFOUND') || names.has('EAI_AGAIN')) return unreachable(`There is no host of the name in ${where}.`)
  if (names.has('UnexpectedPeerError') || /not match|unexpected peer/i.test(text)) {
    return unreachable(`Another peer answers at ${where} than the one that was expected.`, false)
  }
  if (names.has('DialDeniedError') || names.has('ConnectionDeniedError') || names.has('ConnectionInterceptedError')) {
    return new GlasError('NotAllowed', `The list of allowed peers does not have the one at ${where}.`, { cause, data })
  }
  if (names.has('TimeoutError') || names.has('AbortError')) {
    return new GlasError('TimedOut', `Nobody answered at ${where} in time. Is it reachable from here?`, { cause, data })
  }
  return unreachable(`No PintGlas answers at ${where}.`)
}

/** Nested errors, looked at down to a depth that libp2p does not reach. */
const MAX_CAUSES = 64

function everyCause(cause: unknown): { names: Set<string>; text: string } {
  const names = new Set<string>()
  const texts: string[] = []
  const queue: unknown[] = [cause]
  for (let looked = 0; queue.length > 0 && looked < MAX_CAUSES; looked++) {
    const error = queue.shift()
    if (!(error instanceof Error)) continue
    names.add(error.name)
    texts.push(error.message)
    if ('code' in error && typeof error.code === 'string') names.add(error.code)
    queue.push(error.cause)
    if (error instanceof AggregateError) queue.push(...error.errors)
  }
  return { names, text: texts.join('\n') }
}
