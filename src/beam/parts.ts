import type { CID } from 'multiformats/cid'
import type { Home } from '../home/home.ts'
import type { Index } from '../index/names.ts'
import type { HomeSwarm } from '../net/home-swarm.ts'
import type { Network } from '../net/network.ts'
import type { Stock } from '../stock/stock.ts'

/** What the use cases work with, as the composition root has opened it. Each of them names those that it needs. */
export interface Parts {
  home: Home
  index: Index
  stock: Stock
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
}
