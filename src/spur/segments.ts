/**
 * Where the parts of an image file lie in the address space of the process that saved it. Files are counted in units
 * of 8 bytes from their start, header included: everything in a Spur heap lies on multiples of 8.
 */

export const UNIT_BYTES = 8
/** Set in no address of an object. */
export const ALIGNMENT_MASK = UNIT_BYTES - 1
/** Virtual machines grow a heap by tens of megabytes at a time; no real image comes near this count. */
export const MAX_SEGMENTS = 4096

export interface Segment {
  /** Of its first byte; a multiple of 8. */
  address: number
  /** Where it begins in the file. */
  firstUnit: number
  /** Its bridge included. */
  units: number
}

/** Translates between addresses and units of one image. Segments stand in file order and do not overlap. */
export class Segments {
  readonly list: readonly Segment[]
  /** All addresses are at least this and below `end`; most words of a heap that are no addresses fail that test. */
  readonly start: number
  readonly end: number
  readonly #byAddress: readonly Segment[]
  /** The segment that was found last: the next address is most often there too. Its bounds, and units less addresses. */
  #nearStart = 0
  #nearEnd = 0
  #nearShift = 0
  #nearFirst = 0
  #nearLast = 0
  #nearBase = 0

  constructor(list: readonly Segment[]) {
    if (list.length === 0) throw new RangeError('an image has at least one segment')
    this.list = list
    this.#byAddress = [...list].sort((a, b) => a.address - b.address)
    this.start = Math.min(...list.map((segment) => segment.address))
    this.end = Math.max(...list.map((segment) => segment.address + segment.units * UNIT_BYTES))
  }

  /** The unit at an address that is a multiple of 8; -1 where no segment lies. */
  unitAt(address: number): number {
    if (address >= this.#nearStart && address < this.#nearEnd) return address / UNIT_BYTES + this.#nearShift
    return this.#searchAddress(address)
  }

  /** The address of a unit that lies in a segment; -1 for one that does not (the header, what follows the heap). */
  addressOf(unit: number): number {
    if (unit >= this.#nearFirst && unit < this.#nearLast) return unit * UNIT_BYTES + this.#nearBase
    return this.#searchUnit(unit)
  }

  #searchAddress(address: number): number {
    const found = lastAtMost(this.#byAddress, address, (segment) => segment.address)
    if (found === undefined || address >= addressEnd(found)) return -1
    this.#nearStart = found.address
    this.#nearEnd = addressEnd(found)
    this.#nearShift = found.firstUnit - found.address / UNIT_BYTES
    return address / UNIT_BYTES + this.#nearShift
  }

  #searchUnit(unit: number): number {
    const found = lastAtMost(this.list, unit, (segment) => segment.firstUnit)
    if (found === undefined || unit >= found.firstUnit + found.units) return -1
    this.#nearFirst = found.firstUnit
    this.#nearLast = found.firstUnit + found.units
    this.#nearBase = found.address - found.firstUnit * UNIT_BYTES
    return unit * UNIT_BYTES + this.#nearBase
  }
}

function lastAtMost(list: readonly Segment[], value: number, keyOf: (segment: Segment) => number): Segment | undefined {
  let low = 0
  let high = list.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (keyOf(list[middle]!) <= value) low = middle + 1
    else high = middle
  }
  return list[low - 1]
}

/** What is wrong with a list of segments, or undefined: used on images and on deltas alike. */
export function faultOfSegments(list: readonly Segment[], totalUnits: number): string | undefined {
  if (list.length === 0) return 'no segment'
  if (list.length > MAX_SEGMENTS) return `more than ${MAX_SEGMENTS} segments`
  let unit = 0
  for (const segment of list) {
    if (segment.firstUnit < unit || segment.units <= 0) return 'segments that overlap in the file'
    unit = segment.firstUnit + segment.units
    if (segment.address % UNIT_BYTES !== 0 || !Number.isSafeInteger(segment.address + segment.units * UNIT_BYTES)) {
      return 'a segment at an impossible address'
    }
  }
  if (unit > totalUnits) return 'a segment that ends behind the file'
  const sorted = [...list].sort((a, b) => a.address - b.address)
  const overlap = sorted.some((segment, at) => at > 0 && addressEnd(sorted[at - 1]!) > segment.address)
  return overlap ? 'segments that overlap in the address space' : undefined
}

const addressEnd = (segment: Segment): number => segment.address + segment.units * UNIT_BYTES
