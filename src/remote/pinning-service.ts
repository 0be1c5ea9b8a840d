/** The IPFS Pinning Service API, version 1: https://ipfs.github.io/pinning-services-api-spec */
import { GlasError } from '../glas/errors.ts'
import { askJson, badAnswer, RemoteFailure } from './http.ts'
import type { PlacedPin, Remote, RemotePin, RemotePinning, RemoteState, WantedPin } from './remote-pinning.ts'

/** Results of one page, the most that the interface has. */
const PAGE_PINS = 1000
/** Pages of one list. */
const MAX_PAGES = 1000
/** Addresses of one request, by the specification. */
const MAX_ORIGINS = 20
const STATES: RemoteState[] = ['queued', 'pinning', 'pinned', 'failed']

interface Result extends RemotePin {
  requestId: string
  created: string
  delegates: string[]
}

export class PinningService implements RemotePinning {
  readonly #remote: Remote

  constructor(remote: Remote) {
    this.#remote = remote
  }

  async add({ cid, name, origins }: WantedPin, signal: AbortSignal): Promise<PlacedPin> {
    const there = await this.#find(cid, signal)
    const body = { cid, name, origins: origins.slice(0, MAX_ORIGINS) }
    // What failed or is still looked for is asked for again, with the addresses of now.
    const path = there === undefined ? '/pins' : `/pins/${encodeURIComponent(there.requestId)}`
    if (there?.state === 'pinned') return there
    return this.#result(await askJson(this.#remote, { method: 'POST', path, body }, signal))
  }

  async *list(signal: AbortSignal): AsyncGenerator<RemotePin, void> {
    let before: string | undefined
    for (let page = 0; page < MAX_PAGES; page++) {
      const query = { status: STATES.join(), limit: String(PAGE_PINS), ...(before === undefined ? {} : { before }) }
      const results = await this.#results(query, signal)
      yield* results
      const last = results.at(-1)?.created
      if (results.length < PAGE_PINS || last === undefined || last === before) return
      before = last
    }
    throw new GlasError('LimitExceeded', `"${this.#remote.name}" lists more than ${MAX_PAGES * PAGE_PINS} pins.`)
  }

  find(cid: string, signal: AbortSignal): Promise<RemotePin | undefined> {
    return this.#find(cid, signal)
  }

  async remove(cid: string, signal: AbortSignal): Promise<boolean> {
    const results = await this.#results({ cid, status: STATES.join() }, signal)
    for (const { requestId } of results) {
      const path = `/pins/${encodeURIComponent(requestId)}`
      await askJson(this.#remote, { method: 'DELETE', path }, signal).catch((error) => {
        if (!(error instanceof RemoteFailure && error.status === 404)) throw error
      })
    }
    return results.length > 0
  }

  async #find(cid: string, signal: AbortSignal): Promise<Result | undefined> {
    const results = await this.#results({ cid, status: STATES.join() }, signal)
    return results.find(({ state }) => state === 'pinned') ?? results[0]
  }

  async #results(query: Record<string, string>, signal: AbortSignal): Promise<Result[]> {
    const answer = await askJson(this.#remote, { method: 'GET', path: '/pins', query }, signal)
    const results = (answer as { results?: unknown } | undefined)?.results
    if (!Array.isArray(results) || results.length > PAGE_PINS) throw badAnswer(this.#remote)
    return results.map((result) => this.#result(result))
  }

  #result(value: unknown): Result {
    const { requestid, status, created, pin, delegates, info } = Object(value)
    const cid = pin?.cid
    const isGood = [requestid, created, cid].every((text) => typeof text === 'string') && STATES.includes(status)
    if (!isGood) throw badAnswer(this.#remote)
    return {
      requestId: requestid,
      created,
      cid,
      name: typeof pin.name === 'string' ? pin.name : '',
      state: status,
      info: typeof info?.status_details === 'string' ? info.status_details : '',
      delegates: Array.isArray(delegates) ? delegates.filter((one) => typeof one === 'string') : [],
    }
  }
}
