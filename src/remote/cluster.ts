/** The REST API of IPFS Cluster: https://ipfscluster.io/documentation/reference/api */
import { ask, askJson, badAnswer, parsed, RemoteFailure } from './http.ts'
import type { PlacedPin, Remote, RemotePin, RemotePinning, RemoteState, WantedPin } from './remote-pinning.ts'

/** Cluster's word for what one of its peers does -> ours. What is not here is still on the way. */
const STATES: Record<string, RemoteState> = {
  pinned: 'pinned',
  pin_queued: 'queued',
  pin_error: 'failed',
  cluster_error: 'failed',
  unexpectedly_unpinned: 'failed',
}
/** Peers of the cluster that need not hold it. */
const IDLE = ['remote', 'sharded', 'unpinned', 'unpinning', 'unpin_queued']

export class Cluster implements RemotePinning {
  readonly #remote: Remote

  constructor(remote: Remote) {
    this.#remote = remote
  }

  async add({ cid, name, origins }: WantedPin, signal: AbortSignal): Promise<PlacedPin> {
    const query = { name, origins: origins.join(',') }
    await askJson(this.#remote, { method: 'POST', path: `/pins/ipfs/${cid}`, query }, signal)
    const { state, info } = (await this.find(cid, signal)) ?? { state: 'queued', info: '' }
    return { state, info, delegates: [] }
  }

  async *list(signal: AbortSignal): AsyncGenerator<RemotePin, void> {
    for await (const line of ask(this.#remote, { method: 'GET', path: '/pins' }, signal)) {
      const pin = line.trim() === '' ? undefined : this.#pin(parsed(this.#remote, line))
      if (pin !== undefined) yield pin
    }
  }

  /** Of a pin that it does not have, Cluster tells as well: that none of its peers has it. */
  async find(cid: string, signal: AbortSignal): Promise<RemotePin | undefined> {
    return this.#pin(await askJson(this.#remote, { method: 'GET', path: `/pins/${cid}` }, signal))
  }

  async remove(cid: string, signal: AbortSignal): Promise<boolean> {
    try {
      await askJson(this.#remote, { method: 'DELETE', path: `/pins/${cid}` }, signal)
      return true
    } catch (error) {
      if (error instanceof RemoteFailure && error.status === 404) return false
      throw error
    }
  }

  /** Pinned when every peer that shall hold it does; failed as soon as one has failed. */
  #pin(value: unknown): RemotePin | undefined {
    const { cid, name, peer_map: peers } = Object(value)
    const text = typeof cid === 'string' ? cid : cid?.['/']
    if (typeof text !== 'string' || typeof peers !== 'object' || peers === null) throw badAnswer(this.#remote)
    const busy = Object.values(peers as Record<string, { status?: unknown; error?: unknown }>).filter(
      ({ status }) => !IDLE.includes(String(status)),
    )
    if (busy.length === 0) return undefined
    const states = busy.map(({ status }) => STATES[String(status)] ?? 'pinning')
    const order: RemoteState[] = ['failed', 'queued', 'pinning', 'pinned']
    const state = order.find((one) => states.includes(one)) ?? 'pinning'
    const error = busy.find((peer) => typeof peer.error === 'string' && peer.error !== '')?.error
    return { cid: text, name: typeof name === 'string' ? name : '', state, info: String(error ?? '') }
  }
}
