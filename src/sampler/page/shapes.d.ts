/** What the page keeps of the answers of the API. Only names and lists: how it is drawn is said elsewhere. */

export interface Holder {
  peer: string
  'peer-id': string
  proved: boolean
  connected: boolean
}

/** One version in a lineage. */
export interface Version {
  record: string
  version: string
  date: string
  size: number
  writer: string
  tags: string[]
  note: string
  retracted: boolean
  /** Another snapshot of the same version comes first. */
  fork: boolean
  here: boolean
  /** About to be let go; that can be undone. */
  forgetting: boolean
  pins: string[]
  holders: Holder[]
  host: string
  path: string
  parent: string | null
  /** What tells the parent: its record, the image-id, or nothing. */
  via: 'record' | 'image-id' | 'unknown' | 'none'
  depth: number
}

export interface Glas {
  'glas-id': string
  'image-name': string
  own: boolean
  /** The newest first. */
  versions: Version[]
}

export interface Tap {
  id: string
  host: string
  path: string
  name: string
  peer?: string
}

/** A segment of the drawing of one row: from a lane at its top, or from its node, down. */
export interface Lane {
  lane: number
  colour: number
  style: EdgeStyle
}

export type EdgeStyle = 'known' | 'guessed' | 'skipped'

export interface LaneRow {
  lane: number
  colour: number
  /** Lanes that pass by this row. */
  passing: Lane[]
  /** Lanes from above that end in its node. */
  arriving: Lane[]
  /** Leads down to the parent. */
  leaving: Lane | null
}
