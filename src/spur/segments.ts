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

/**
 * Translates between addresses and units of one image. Segments stand in file order and do not overlap. This runs for
 * every pointer of an image: hence the plain arrays, and a search that costs nothing with one segment.
 */
export class Segments {
  readonly list: readonly Segment[]
  /** All addresses are at least this and below `end`; most words of a heap that are no addresses fail that test. */
  readonly start: number
  readonly end: number
  readonly #byAddress: Ranges
  readonly #byUnit: Ranges

  constructor(list: readonly Segment[]) {
    if (list.length === 0) throw new RangeError('an image has at least one segment')
    this.list = list
    const sorted = [...list].sort((a, b) => a.address - b.address)
    this.start = sorted[0]!.address
    this.end = addressEnd(sorted.at(-1)!)
    this.#byAddress = {
      starts: Float64Array.from(sorted, (segment) => segment.address),
      ends: Float64Array.from(sorted, addressEnd),
      shifts: Float64Array.from(sorted, (segment) => segment.firstUnit - segment.address / UNIT_BYTES),
    }
    this.#byUnit = {
      starts: Float64Array.from(list, (segment) => segment.firstUnit),
      ends: Float64Array.from(list, (segment) => segment.firstUnit + segment.units),
      shifts: Float64Array.from(list, (segment) => segment.address - segment.firstUnit * UNIT_BYTES),
    }
  }

  /** The unit at an address that is a multiple of 8; -1 where no segment lies. */
  unitAt(address: number): number {
    const ranges = this.#byAddress
    const at = rangeOf(ranges, address)
    return at < 0 ? -1 : address / UNIT_BYTES + ranges.shifts[at]!
  }

  /** The address of a unit that lies in a segment; -1 for one that does not (the header, what follows the heap). */
  addressOf(unit: number): number {
    const ranges = this.#byUnit
    const at = rangeOf(ranges, unit)
    return at < 0 ? -1 : unit * UNIT_BYTES + ranges.shifts[at]!
  }
}

/** Ascending ranges that do not overlap, and what to add to a (scaled) number in each. */
interface Ranges {
  starts: Float64Array
  ends: Float64Array
  shifts: Float64Array
}

/** The range that holds a number, or -1. */
function rangeOf({ starts, ends }: Ranges, value: number): number {
  let low = 0
  for (let high = starts.length; high - low > 1; ) {
    const middle = (low + high) >> 1
    if (starts[middle]! <= value) low = middle
    else high = middle
  }
  return value >= starts[low]! && value < ends[low]! ? low : -1
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
