/** What a scenario of the benchmark is, and what it tells. */
import type { Cost } from './measure.ts'

/** One run of one tool at one work. */
export interface Run {
  scenario: string
  what: string
  tool: string
  round: number
  /** Processes that wanted to run on this machine, ours included: the average of the last minute. */
  load: number
  seconds: number
  cpuSeconds: number
  rssBytes: number
  /** What the work is about: added to the store, or moved over the line. 0 where nothing is counted. */
  bytes: number
}

export interface Sizes {
  rounds: number
  /** Of the image that is pushed and pulled. */
  imageBytes: number
  /** Of the image that the chain of snapshots begins with, and how many there are. */
  chainBytes: number
  chainSnapshots: number
  /** Images of the curve, in order. */
  curveBytes: number[]
  /** Numbers of small files of the other curve. */
  curveFiles: number[]
}

export const FULL: Sizes = {
  rounds: 5,
  imageBytes: 200_000_000,
  chainBytes: 42_600_000,
  chainSnapshots: 12,
  curveBytes: [50_000_000, 200_000_000, 1_000_000_000, 4_000_000_000],
  curveFiles: [100, 1000, 10_000, 100_000],
}

/** To see whether everything runs: the numbers say little. */
export const QUICK: Sizes = {
  rounds: 1,
  imageBytes: 20_000_000,
  chainBytes: 8_000_000,
  chainSnapshots: 5,
  curveBytes: [20_000_000, 60_000_000],
  curveFiles: [100, 1000],
}

export interface Bench {
  /** For everything that is made; gone at the end. */
  folder: string
  sizes: Sizes
  report(what: string, tool: string, cost: Partial<Cost> & { seconds: number; bytes?: number }): void
  /** What is to be done at the end of the scenario, whatever comes: the last first. */
  after(cleanUp: () => Promise<unknown>): void
  /** Why something is not measured here. Told once. */
  skip(tool: string, reason: string): void
}

export interface Scenario {
  name: string
  about: string
  /** Every work but the first is the next snapshot: what counts is bytes, and the median over the steps. */
  isChain?: true
  /** How often at most; a scenario whose results are the same each time needs one round. */
  maxRounds?: number
  /** Makes what all rounds share, and gives the round: one run of every work by every tool, in turn. */
  open(bench: Bench): Promise<() => Promise<void>>
}
