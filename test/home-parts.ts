/** A home opened in the process of the test, with its network up when asked for: what a daemon has. */
import { join } from 'node:path'
import type { CID } from 'multiformats/cid'
import { homeFolder } from '../src/home/folder.ts'
import { openPintGlas, type PintGlas } from '../src/open.ts'
import { openStock } from '../src/stock/open.ts'
import type { Stock } from '../src/stock/stock.ts'
import type { TestContext } from './harness.ts'

export interface OpenHome extends PintGlas {
  /** What it told its user. */
  messages: string[]
  options: { signal: AbortSignal; offline: boolean; onProgress: () => void; onMessage: (message: string) => void }
}

/** It is closed when the test ends; closing it before is fine. */
export async function openHomeHere(t: TestContext, folder: string): Promise<OpenHome> {
  const messages: string[] = []
  const options = {
    signal: t.signal,
    offline: false,
    onProgress: () => {},
    onMessage: (message: string) => void messages.push(message),
  }
  const pintglas = await openPintGlas(homeFolder(folder), {
    access: 'writing',
    isDaemon: true,
    options,
  })
  let closed: Promise<void> | undefined
  const close = () => {
    closed ??= pintglas.close()
    return closed
  }
  t.after(close)
  return { ...pintglas, close, messages, options }
}

/** How a `push` is called where nothing special is wanted. */
export const plainPush = (path: string) => ({
  path,
  step: 'patch' as const,
  force: false,
  dryRun: false,
  allowSecrets: false,
  location: true,
  to: [],
  copies: 0,
  public: false,
})

/** A disk that takes `msPerBlock` for each block that the network asks for, one after the other. `onAsked` hears of each. */
export function slowDown(stock: Stock, msPerBlock: number, onAsked: (cid: CID) => void): void {
  const get = stock.getStored.bind(stock)
  let turn: Promise<unknown> = Promise.resolve()
  stock.getStored = async (cid) => {
    onAsked(cid)
    turn = turn.then(() => new Promise((resolve) => setTimeout(resolve, msPerBlock)))
    await turn
    return get(cid)
  }
}

/** What of a home lasts: its blocks with their lengths, and what a check finds. Reads beside whoever is at work. */
export async function durable(home: string): Promise<{ blocks: Map<string, number>; findings: unknown[] }> {
  const stock = await openStock(join(home, 'stock'), { writable: false })
  try {
    const blocks = new Map<string, number>()
    for await (const cid of stock.cids()) blocks.set(String(cid), (await stock.sizeOf(cid)) ?? 0)
    return { blocks, findings: await stock.check() }
  } finally {
    await stock.close()
  }
}
