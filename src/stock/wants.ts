/**
 * What is missing of some DAGs: computed from the stock each time, so that going on after a break is asking again. A
 * puller takes `next(max)` to ask somebody for, hands in what comes by `arrived`, and goes on until `done`:
 *
 *     const wants = new Wants(blocks, [record], { lease, maxBytes })
 *     while (!(await wants.isDone())) {
 *       const batch = await wants.next(256)            // may be empty while all that is known is being asked for
 *       for await (const { cid, bytes } of ask(batch)) await wants.arrived(cid, bytes)
 *       // what a holder did not send: wants.giveBack(cid)
 *     }
 */
import type { CID } from 'multiformats/cid'
import { GlasError } from '../glas/errors.ts'
import { checkBlock, MAX_BLOCK_BYTES, RAW_CODE, walkKey } from './cid.ts'
import type { StoredBlock } from './codec.ts'
import { decodeStored } from './codec.ts'
import type { Lease } from './leases.ts'
import { linksOf } from './links.ts'
import type { CompleteNodes } from './walk.ts'

/** Deeper than any directory we make (256 levels), and the record and the nodes of a file around it. */
const MAX_DAG_DEPTH = 512
/** About a terabyte of image; each costs some 100 bytes of memory while it is walked. */
const MAX_DAG_BLOCKS = 4_000_000

export interface WantedBlocks {
  sizeOf(cid: CID): Promise<number | undefined>
  get(cid: CID): Promise<Uint8Array>
  putVerified(cid: CID, bytes: Uint8Array, options: { lease?: Lease | undefined }): Promise<boolean>
  putStored(cid: CID, block: StoredBlock, options: { lease?: Lease | undefined }): Promise<boolean>
}

export interface WantsOptions {
  /** Keeps what is found and what arrives from a sweep. */
  lease: Lease
  /** The most that may arrive, in bytes of blocks: what the record says and some more. No limit where not given. */
  maxBytes?: number
  signal?: AbortSignal | undefined
  /** Nodes of which everything below is known to be here: not walked again, and added to when a walk is complete. */
  complete?: CompleteNodes | undefined
}

export interface WantsCounts {
  /** Blocks that were here already, and their bytes. */
  presentBlocks: number
  presentBytes: number
  arrivedBlocks: number
  arrivedBytes: number
  /** Asked for and not yet arrived. */
  askedBlocks: number
}

interface Step {
  cid: CID
  depth: number
}

export class Wants {
  readonly counts: WantsCounts = {
    presentBlocks: 0,
    presentBytes: 0,
    arrivedBlocks: 0,
    arrivedBytes: 0,
    askedBlocks: 0,
  }
  readonly #blocks: WantedBlocks
  readonly #options: WantsOptions
  /** Still to be looked at; the last one first, so that the walk goes down and then along: the order of files. */
  readonly #steps: Step[]
  readonly #seen = new Set<string>()
  readonly #nodes: string[] = []
  readonly #asked = new Map<string, Step>()
  #givenBack: Step[] = []
  #walking: Promise<unknown> = Promise.resolve()

  constructor(blocks: WantedBlocks, roots: readonly CID[], options: WantsOptions) {
    this.#blocks = blocks
    this.#options = options
    this.#steps = roots.map((cid) => ({ cid, depth: 0 })).reverse()
  }

  /** Up to `max` blocks to ask for, none of them twice unless it was given back. */
  async next(max: number): Promise<CID[]> {
    const found: CID[] = []
    await this.#alone(async () => {
      while (found.length < max) {
        const step = this.#givenBack.shift() ?? (await this.#nextMissing())
        if (step === undefined) break
        this.#asked.set(walkKey(step.cid), step)
        found.push(step.cid)
      }
      this.counts.askedBlocks = this.#asked.size
    })
    return found
  }

  /** Verifies and stores a block that was asked for. Throws NotAllowed for one that was not, BlockMismatch for a wrong one. */
  async arrived(cid: CID, bytes: Uint8Array): Promise<void> {
    const step = this.#stepOf(cid)
    checkBlock(cid, bytes)
    await this.#blocks.putVerified(cid, bytes, { lease: this.#options.lease })
    this.#count(bytes.length)
    this.#goOn(step, bytes)
  }

  /** The same for a block as it lay in the holder's pack. */
  async arrivedStored(cid: CID, block: StoredBlock): Promise<void> {
    const step = this.#stepOf(cid)
    await this.#blocks.putStored(cid, block, { lease: this.#options.lease })
    this.#count(block.rawLength) // not before it was verified: a liar must not use up what honest holders may send
    if (cid.code === RAW_CODE) this.#goOn(step, block.stored)
    else this.#goOn(step, await decodeStored(block))
  }

  /** Puts a block that a holder could not or did not send back in the line. */
  giveBack(cid: CID): void {
    const step = this.#asked.get(walkKey(cid))
    if (step === undefined) return
    this.#asked.delete(walkKey(cid))
    this.#givenBack.push(step)
    this.counts.askedBlocks = this.#asked.size
  }

  /** True when nothing is missing any more. */
  async isDone(): Promise<boolean> {
    await this.#alone(async () => {
      if (this.#givenBack.length > 0) return
      const step = await this.#nextMissing()
      if (step !== undefined) this.#givenBack.push(step)
    })
    if (this.#givenBack.length > 0 || this.#asked.size > 0 || this.#steps.length > 0) return false
    this.#options.complete?.add(this.#nodes)
    return true
  }

  /** Walks over what is here up to the next block that is not. */
  async #nextMissing(): Promise<Step | undefined> {
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      this.#options.signal?.throwIfAborted()
      const key = walkKey(step.cid)
      if (this.#seen.has(key)) continue
      if (this.#seen.size >= MAX_DAG_BLOCKS) throw tooMuch('blocks', MAX_DAG_BLOCKS)
      this.#seen.add(key)
      // Kept before it is looked for, so that no sweep comes between the two.
      this.#options.lease.keep(step.cid)
      const sizeBytes = await this.#blocks.sizeOf(step.cid)
      if (sizeBytes === undefined) return step
      this.counts.presentBlocks++
      this.counts.presentBytes += sizeBytes
      if (step.cid.code === RAW_CODE || this.#options.complete?.has(key)) continue
      this.#push(step, await this.#blocks.get(step.cid))
    }
    return undefined
  }

  #push(step: Step, bytes: Uint8Array): void {
    const links = linksOf(step.cid, bytes)
    if (links.length > 0 && step.depth >= MAX_DAG_DEPTH) throw tooMuch('levels', MAX_DAG_DEPTH)
    this.#nodes.push(walkKey(step.cid))
    for (const cid of links.reverse()) {
      if (!this.#seen.has(walkKey(cid))) this.#steps.push({ cid, depth: step.depth + 1 })
    }
  }

  #stepOf(cid: CID): Step {
    const step = this.#asked.get(walkKey(cid))
    if (step !== undefined) return step
    throw new GlasError('NotAllowed', `The block ${cid} came without having been asked for.`, {
      data: { cid: cid.toString() },
    })
  }

  #count(bytes: number): void {
    const { maxBytes } = this.#options
    this.counts.arrivedBytes += Math.min(bytes, MAX_BLOCK_BYTES)
    if (maxBytes !== undefined && this.counts.arrivedBytes > maxBytes) throw tooMuch('bytes', maxBytes)
  }

  #goOn(step: Step, bytes: Uint8Array): void {
    if (!this.#asked.delete(walkKey(step.cid))) return
    this.counts.arrivedBlocks++
    this.counts.askedBlocks = this.#asked.size
    if (step.cid.code !== RAW_CODE) this.#push(step, bytes)
  }

  /** One walk at a time: callers may ask for batches at once. */
  async #alone(work: () => Promise<void>): Promise<void> {
    const mine = this.#walking.catch(() => {}).then(work)
    this.#walking = mine
    await mine
  }
}

function tooMuch(unit: string, limit: number): GlasError {
  return new GlasError(
    'LimitExceeded',
    `The version needs more than ${limit} ${unit}. It is damaged or made to harm.`,
    {
      data: { limit, unit },
    },
  )
}
