import type { CID } from 'multiformats/cid'
import type { Home } from '../home/home.ts'
import type { Index } from '../index/names.ts'
import type { HomeSwarm } from '../net/home-swarm.ts'
import type { Network } from '../net/network.ts'
import type { Stock } from '../stock/stock.ts'
import type { BlockThreads } from './block-threads.ts'
import type { PushResult } from './push-result.ts'
import type { Records } from './records.ts'

/** An image that is connected here. */
export interface OwnTap {
  /** 16 hex digits; the same for the same image in the same place while the sampler runs. */
  id: string
  host: string
  /** The image directory, as the image's own system writes it. */
  path: string
  name: string
}

/** The images that are connected to the sampler of this daemon. */
export interface OwnTaps {
  list(): OwnTap[]
  /** Asks one and waits until its snapshot is a version. PeerNotFound when it is gone. `onTaking`: it comes in. */
  snap(id: string, options: { signal: AbortSignal; onTaking: () => void; allowSecrets: boolean }): Promise<PushResult>
}

/** What the use cases work with, as the composition root has opened it. Each of them names those that it needs. */
export interface Parts {
  home: Home
  index: Index
  stock: Stock
  /** For work on many blocks. */
  threads: BlockThreads
  /** Records of versions in the stock, decoded. */
  records: Records
  /** The swarm as this home knows it; needs no network. */
  swarm: HomeSwarm
  /** The network, started when it is first asked for. NotAllowed with `--offline`. */
  network(): Promise<Network>
  /** The network when it is up already: to tell others of something, which is no reason to start it. */
  running(): Network | undefined
  /** Whether anybody may have this version. */
  isPublic(record: CID): boolean
  /** True in the daemon, which stays up; false for a single verb. */
  isDaemon: boolean
  /** Put here by the sampler when it is up; there is none in a single verb, nor where `http` is off. */
  taps?: OwnTaps
}
