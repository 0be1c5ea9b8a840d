/**
 * What the page knows, and who wants to hear when it changes. The daemon is the truth: all of this is what it said last.
 *
 * @import {Glas, Tap, Version} from './shapes.d.ts'
 */
import { get } from './api.js'
import { askedOf, parseQuery } from './query.js'

/** Glases that are fetched one by one when they change; when more do, everything is. */
const MAX_SINGLE_GLASES = 20

/** @typedef {'glases' | 'taps' | 'transfers' | 'status' | 'quarantine' | 'query' | 'selection' | 'live'} Topic */

class Store {
  /** @type {Map<string, Glas>} */
  glases = new Map()
  /** @type {Tap[]} */
  taps = []
  /** @type {any[]} */
  transfers = []
  /** @type {any[]} */
  quarantined = []
  /** @type {any} */
  status = null
  /** What stands in the search field. */
  text = ''
  /** Records that the daemon named for it; undefined where it needs none. @type {Set<string> | undefined} */
  among = undefined
  /** The only glas that is shown; empty for all. */
  glasId = ''
  /** Record of the version in the panel; empty for none. */
  record = ''
  /** @type {Set<string>} */
  closed = new Set()
  isLoading = true
  isLive = false
  /** @type {Map<Topic, Set<() => void>>} */
  #listeners = new Map()
  /** @type {Set<Topic>} */
  #told = new Set()

  /** @param {Topic[]} topics @param {() => void} listener */
  on(topics, listener) {
    for (const topic of topics) this.#listeners.set(topic, (this.#listeners.get(topic) ?? new Set()).add(listener))
  }

  /** Listeners hear of it once before the next frame, however often it is told. @param {Topic} topic */
  tell(topic) {
    if (this.#told.size === 0) queueMicrotask(() => this.#call())
    this.#told.add(topic)
  }

  #call() {
    const topics = [...this.#told]
    this.#told.clear()
    const listeners = new Set(topics.flatMap((topic) => [...(this.#listeners.get(topic) ?? [])]))
    for (const listener of listeners) listener()
  }

  /** Glases in the order of the page: that of the newest version first. */
  sorted() {
    const date = (/** @type {Glas} */ { versions }) =>
      Math.max(...versions.slice(0, 3).map((one) => Date.parse(one.date) || 0), 0)
    return [...this.glases.values()]
      .map((glas) => ({ glas, ms: date(glas) }))
      .sort((a, b) => b.ms - a.ms)
      .map(({ glas }) => glas)
  }

  /** @param {string} record @returns {{ glas: Glas, version: Version } | undefined} */
  find(record) {
    if (record === '') return undefined
    for (const glas of this.glases.values()) {
      const version = glas.versions.find((one) => one.record === record)
      if (version !== undefined) return { glas, version }
    }
    return undefined
  }

  async loadGlases() {
    const seen = new Set()
    /** @type {string | null} */
    let after = ''
    while (after !== null) {
      /** @type {{ glases: Glas[], next: string | null }} */
      const { glases, next } = await get(`/lineages?after=${encodeURIComponent(after)}`)
      for (const glas of glases) {
        this.glases.set(glas['glas-id'], glas)
        seen.add(glas['glas-id'])
      }
      after = next
      this.tell('glases')
    }
    for (const id of this.glases.keys()) if (!seen.has(id)) this.glases.delete(id)
    this.isLoading = false
    this.tell('glases')
  }

  /** @param {string[] | null} ids null: any may have changed */
  async reloadGlases(ids) {
    if (ids === null || ids.length > MAX_SINGLE_GLASES) return this.loadGlases()
    for (const id of ids) {
      const { glases } = await get(`/lineages?glas=${encodeURIComponent(id)}`)
      if (glases.length === 0) this.glases.delete(id)
      else this.glases.set(id, glases[0])
    }
    this.tell('glases')
  }

  async loadTaps() {
    this.taps = (await get('/taps')).taps
    this.tell('taps')
  }

  async loadTransfers() {
    this.setTransfers((await get('/transfers')).transfers)
  }

  /** @param {any[]} transfers */
  setTransfers(transfers) {
    this.transfers = transfers
    this.tell('transfers')
  }

  async loadStatus() {
    this.status = await get('/status')
    this.tell('status')
  }

  async loadQuarantine() {
    if (!this.isAdmin) return
    this.quarantined = (await get('/quarantine')).quarantine
    this.tell('quarantine')
  }

  /** @param {string} text */
  async search(text) {
    this.text = text
    const asked = askedOf(parseQuery(text))
    if (asked === undefined) this.among = undefined
    else {
      const { records } = await get(`/search?${asked}`)
      if (this.text !== text) return
      this.among = new Set(records)
    }
    this.tell('query')
  }

  /** @param {{ glasId?: string, record?: string }} selection */
  select({ glasId = this.glasId, record = this.record }) {
    if (glasId === this.glasId && record === this.record) return
    this.glasId = glasId
    this.record = record
    this.tell('selection')
  }

  /** May this page let in what came from strangers? */
  get isAdmin() {
    return this.status?.caller.role === 'admin' && this.status.caller.glases === null
  }

  /** May this page change something? */
  get mayAct() {
    return this.status !== null && this.status.caller.role !== 'viewer'
  }
}

export const store = new Store()
