/** The RPC of a Kubo node of one's own: https://docs.ipfs.tech/reference/kubo/rpc. It is asked over TLS, or on loopback. */
import { GlasError } from '../glas/errors.ts'
import { ask, askJson, badAnswer, parsed, type Question, RemoteFailure } from './http.ts'
import type { PlacedPin, Remote, RemotePin, RemotePinning, WantedPin } from './remote-pinning.ts'

const RPC = '/api/v0'

export class KuboRpc implements RemotePinning {
  readonly #remote: Remote

  constructor(remote: Remote) {
    this.#remote = remote
  }

  /** Ends when everything is there: Kubo says meanwhile how many blocks came. */
  async add({ cid, name, origins }: WantedPin, signal: AbortSignal): Promise<PlacedPin> {
    for (const arg of origins) {
      // It may reach another of the addresses, or be connected already.
      await askJson(this.#remote, rpc('/swarm/connect', { arg }), signal).catch(unlessFailure)
    }
    let last: unknown
    for await (const line of ask(this.#remote, rpc('/pin/add', { arg: cid, name, progress: 'true' }), signal)) {
      if (line.trim() !== '') last = parsed(this.#remote, line)
    }
    const { Pins: pins } = Object(last)
    // What goes wrong after the first progress is told in a trailer, which fetch does not show.
    if (!Array.isArray(pins)) {
      throw new GlasError('NoProviders', `"${this.#remote.name}" could not get all of it. Can it reach this peer?`)
    }
    return { state: 'pinned', info: '', delegates: [] }
  }

  async *list(signal: AbortSignal): AsyncGenerator<RemotePin, void> {
    const query = { type: 'recursive', names: 'true', stream: 'true' }
    for await (const line of ask(this.#remote, rpc('/pin/ls', query), signal)) {
      if (line.trim() !== '') yield this.#pin(parsed(this.#remote, line))
    }
  }

  async find(cid: string, signal: AbortSignal): Promise<RemotePin | undefined> {
    try {
      const answer = await askJson(
        this.#remote,
        rpc('/pin/ls', { arg: cid, type: 'recursive', stream: 'true' }),
        signal,
      )
      return this.#pin(answer)
    } catch (error) {
      if (isNotPinned(error)) return undefined
      throw error
    }
  }

  async remove(cid: string, signal: AbortSignal): Promise<boolean> {
    try {
      await askJson(this.#remote, rpc('/pin/rm', { arg: cid }), signal)
      return true
    } catch (error) {
      if (isNotPinned(error)) return false
      throw error
    }
  }

  #pin(value: unknown): RemotePin {
    const { Cid: cid, Name: name } = Object(value)
    if (typeof cid !== 'string') throw badAnswer(this.#remote)
    return { cid, name: typeof name === 'string' ? name : '', state: 'pinned', info: '' }
  }
}

const rpc = (path: string, query: Record<string, string>): Question => ({
  method: 'POST',
  path: `${RPC}${path}`,
  query,
})

function isNotPinned(error: unknown): boolean {
  return error instanceof RemoteFailure && /not pinned/.test(error.message)
}

function unlessFailure(error: unknown): void {
  if (!(error instanceof RemoteFailure)) throw error
}
