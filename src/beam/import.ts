import { resolve } from 'node:path'
import { CID } from 'multiformats/cid'
import { GlasError, isGlasError } from '../glas/errors.ts'
import { IMAGE_SUFFIX } from '../image/locate.ts'
import { checkName, checkPath } from '../image/paths.ts'
import { type Placed, placeTree, type Tree } from '../image/place.ts'
import type { PublicSource } from '../net/public-source.ts'
import { checkCid } from '../stock/cid.ts'
import { decodeUnixFs } from '../stock/dag-node.ts'
import type { Lease } from '../stock/leases.ts'
import type { Wants } from '../stock/wants.ts'
import type { Parts } from './parts.ts'
import type { CallOptions } from './progress.ts'
import { DEFAULT_MODES, walkDirectory } from './tree.ts'

/** What has arrived is made durable each time so much has come: after a crash it need not come again. */
const COMMIT_EVERY_BYTES = 64 * 1024 * 1024
/** An address with a path, as it is typed or pasted. */
const MAX_ADDRESS_CHARS = 4096

export interface ImportArgs {
  /** `<content address>[/path]`, also with `/ipfs/` or `ipfs://` before it. */
  address: string
  /** Absolute path of the directory to make; the last name of the address in `base` where not given. */
  target?: string
  base: string
  /** IPFS nodes to ask, as host:port#peerId or /ip4/.../p2p/...; without any, whoever is connected. */
  from: string[]
  /** The most that the files may have together. */
  maxBytes: number
}

export interface ImportResult {
  /** The content address of the directory itself. */
  address: string
  directory: string
  /** Bytes of all files, and their number. */
  size: number
  files: number
  'fetched-bytes': number
  /** False where there is no `.image`, which `push` would ask for. */
  'has-image': boolean
  /** What git would have run by itself, placed so that it does not. */
  inert: Array<{ path: string; what: string }>
}

/**
 * A public directory of IPFS, by its content address: found, fetched into the stock block by block, and placed. A
 * lease keeps it there meanwhile, and nothing pins it: it is a directory like any other, to be pushed or not. What has
 * come before a break is still there until the next `gc`, and is not fetched again.
 */
export async function importDirectory(parts: Parts, args: ImportArgs, options: CallOptions): Promise<ImportResult> {
  const { root, path } = parseContentAddress(args.address)
  const network = await parts.network()
  const onNotice = (error: GlasError) => options.onMessage(error.message)
  const source = await network.publicSource(args.from, { signal: options.signal, onNotice })
  const lease = parts.stock.lease()
  try {
    const cid = await findDirectory(parts, source, { root, path, lease }, options)
    const totalBytes = await announcedBytes(parts, cid, args.maxBytes)
    const wants = parts.stock.wants([cid], { lease, maxBytes: args.maxBytes, signal: options.signal })
    await fetchAll(parts, { source, wants, totalBytes }, options).catch((error: unknown) => {
      throw isGlasError(error, 'LimitExceeded') && error.data.unit === 'bytes' ? tooLarge(args.maxBytes) : error
    })
    const target = args.target ?? resolve(args.base, defaultName(path, cid))
    const { placed, found } = await place(parts, { cid, target, maxBytes: args.maxBytes }, options)
    if (!found.hasImage) options.onMessage('There is no .image in it: these are files, and `pintglas push` needs one.')
    return {
      address: cid.toString(),
      directory: placed.directory,
      size: found.sizeBytes,
      files: found.files,
      'fetched-bytes': wants.counts.arrivedBytes,
      'has-image': found.hasImage,
      inert: placed.inert,
    }
  } finally {
    source.close()
    lease.release()
  }
}

/** InvalidName for text that is none; UnknownFormat for one with a hash that the stock does not keep. */
function parseContentAddress(text: string): { root: CID; path: string } {
  const [, address = '', path = ''] = /^(?:ipfs:\/\/|\/ipfs\/)?([^/]+)\/*(.*)$/s.exec(text) ?? []
  let root: CID
  try {
    if (text.length > MAX_ADDRESS_CHARS) throw new Error(`longer than ${MAX_ADDRESS_CHARS} characters`)
    root = CID.parse(address).toV1()
  } catch (cause) {
    const shown = text.length > 100 ? `${text.slice(0, 100)}...` : text
    const message = `"${shown}" is no content address. One begins with bafy or Qm, and may have a path: bafy.../images.`
    throw new GlasError('InvalidName', message, { cause })
  }
  checkCid(root)
  const parts = path.split('/').filter((part) => part !== '')
  for (const part of parts) checkName(part)
  return { root, path: parts.join('/') }
}

function defaultName(path: string, cid: CID): string {
  return path === '' ? cid.toString() : path.slice(path.lastIndexOf('/') + 1)
}

interface Finding {
  root: CID
  path: string
  lease: Lease
}

/** What comes on the way is kept as everything else is: by the stock, under the lease. */
async function findDirectory(
  { stock }: Pick<Parts, 'stock'>,
  source: PublicSource,
  { root, path, lease }: Finding,
  { signal }: CallOptions,
): Promise<CID> {
  const here = async (cid: CID) => ((await stock.has(cid)) ? stock.get(cid) : undefined)
  const keep = async (cid: CID, bytes: Uint8Array) => void (await stock.put(cid, bytes, { lease }))
  const { cid, kind } = await source.find(root, path, { here, keep }, { signal })
  if (kind === 'directory') return cid
  const what = path === '' ? root.toString() : `"${path}"`
  throw new GlasError('BadUsage', `${what} is a file. Only directories are imported: name the one that it lies in.`)
}

/** What the directory itself says of the size of everything below. It is a claim, and what comes is held to the limit. */
async function announcedBytes({ stock }: Pick<Parts, 'stock'>, cid: CID, maxBytes: number): Promise<number> {
  const { links } = decodeUnixFs(await stock.get(cid))
  const totalBytes = links.reduce((sum, link) => sum + link.totalBytes, 0)
  if (totalBytes > maxBytes) throw tooLarge(maxBytes, totalBytes)
  return totalBytes
}

interface Fetching {
  source: PublicSource
  wants: Wants
  totalBytes: number
}

/** As many blocks at once as the source takes; the first failure ends them all, and what came stays. */
async function fetchAll({ stock }: Pick<Parts, 'stock'>, fetching: Fetching, options: CallOptions): Promise<void> {
  const { source, wants, totalBytes } = fetching
  const stop = new AbortController()
  const signal = AbortSignal.any([options.signal, stop.signal])
  const running = new Set<Promise<void>>()
  let durableBytes = 0
  let failure: { cause: unknown } | undefined
  const fetchOne = async (cid: CID) => {
    await wants.arrived(cid, await source.block(cid, { signal }))
    const { arrivedBytes, presentBytes } = wants.counts
    options.onProgress({ phase: 'fetching', doneBytes: presentBytes + arrivedBytes, totalBytes })
  }
  const start = (cid: CID) => {
    const fetch: Promise<void> = fetchOne(cid)
      .catch((cause: unknown) => {
        failure ??= { cause }
      })
      .finally(() => running.delete(fetch))
    running.add(fetch)
  }
  try {
    for (;;) {
      const [cid] = running.size < source.maxWants ? await wants.next(1) : []
      if (cid !== undefined) start(cid)
      else if (running.size > 0) await Promise.race(running)
      if (failure !== undefined) throw failure.cause
      if (cid === undefined && running.size === 0 && (await wants.isDone())) return
      if (wants.counts.arrivedBytes - durableBytes < COMMIT_EVERY_BYTES) continue
      durableBytes = wants.counts.arrivedBytes
      await stock.commit()
    }
  } finally {
    stop.abort()
    await Promise.allSettled(running)
    await stock.commit()
  }
}

interface Found {
  files: number
  sizeBytes: number
  hasImage: boolean
}

/** From the stock alone. Whoever made it is a stranger: names are checked, and what git would run is made inert. */
async function place(
  { stock }: Pick<Parts, 'stock'>,
  { cid, target, maxBytes }: { cid: CID; target: string; maxBytes: number },
  { signal, onProgress }: CallOptions,
): Promise<{ placed: Placed; found: Found }> {
  const found: Found = { files: 0, sizeBytes: 0, hasImage: false }
  const tree = publicTree(stock, { cid, maxBytes, found }, signal)
  let doneBytes = 0
  const placed = await placeTree(tree, target, {
    foreign: true,
    signal,
    onBytes: (bytes) => {
      doneBytes += bytes
      onProgress({ phase: 'placing', doneBytes, totalBytes: found.sizeBytes })
    },
  })
  return { placed, found }
}

function publicTree(
  stock: Parts['stock'],
  { cid, maxBytes, found }: { cid: CID; maxBytes: number; found: Found },
  signal: AbortSignal,
): Tree {
  const cids = new Map<string, CID>()
  const mtimeSec = Math.floor(Date.now() / 1000)
  return {
    async *entries() {
      for await (const entry of walkDirectory(stock, cid, signal)) {
        if (entry.path !== '') checkPath(entry.path)
        if (entry.kind === 'file') found.files++
        found.sizeBytes += entry.sizeBytes
        if (found.sizeBytes > maxBytes) throw tooLarge(maxBytes)
        found.hasImage ||= isImage(entry)
        cids.set(entry.path, entry.cid)
        yield { ...entry, mode: DEFAULT_MODES[entry.kind], mtimeSec, mtimeNsec: 0 }
      }
    },
    content(entry) {
      const file = cids.get(entry.path)
      if (file === undefined) throw new GlasError('Internal', `"${entry.path}" is not in the directory.`)
      return stock.readFile(file, { expectedBytes: entry.sizeBytes, signal })
    },
  }
}

/** A file, or a directory in the composed format. */
function isImage({ path, kind }: { path: string; kind: string }): boolean {
  return kind !== 'symlink' && !path.includes('/') && path.endsWith(IMAGE_SUFFIX)
}

function tooLarge(maxBytes: number, announcedBytes?: number): GlasError {
  const has = announcedBytes === undefined ? `more than ${maxBytes} bytes` : `${announcedBytes} bytes`
  return new GlasError(
    'LimitExceeded',
    `The directory has ${has}; the limit is ${maxBytes}. Give more by --max-size.`,
    {
      data: { limit: maxBytes, unit: 'bytes', ...(announcedBytes === undefined ? {} : { value: announcedBytes }) },
    },
  )
}
