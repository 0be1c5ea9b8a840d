/**
 * STON values in memory. Where JavaScript has the same thing it is used: null, boolean, string, array, Map, and number
 * or bigint for integers. The rest are the classes below. No class tag is interpreted: `Date['2024-01-01Z']` stays a
 * StonObject.
 */

/**
 * A float. Kept apart from integers because STON does: `1.0` is a Float, `1` an Integer. The reader gives every float
 * in this form; the writer also takes a JavaScript number, and writes it as a float unless it is a safe integer.
 */
export class StonFloat {
  readonly value: number
  constructor(value: number) {
    this.value = value
  }
}

/** An exact fraction, as read: not reduced, denominator positive. The writer reduces it. */
export class StonFraction {
  readonly numerator: bigint
  readonly denominator: bigint
  constructor(numerator: bigint, denominator: bigint) {
    this.numerator = numerator
    this.denominator = denominator
  }
}

/** An exact fraction that Pharo shows with `scale` decimals (a ScaledDecimal). */
export class StonScaled {
  readonly numerator: bigint
  readonly denominator: bigint
  readonly scale: number
  constructor(numerator: bigint, denominator: bigint, scale: number) {
    this.numerator = numerator
    this.denominator = denominator
    this.scale = scale
  }
}

/** A symbol: `#name`. Within one graph that was read, equal symbols are the same object, as they are in Pharo. */
export class StonSymbol {
  readonly name: string
  constructor(name: string) {
    this.name = name
  }
}

/** `key:value` outside of a map. Has no identity: one that is used twice is written twice. */
export class StonAssociation {
  readonly key: StonValue
  readonly value: StonValue
  constructor(key: StonValue, value: StonValue) {
    this.key = key
    this.value = value
  }
}

/** `@number`: the number-th list, map or object of its graph, from 1. Read only with `keepReferences`. */
export class StonReference {
  readonly number: number
  constructor(number: number) {
    this.number = number
  }
}

export type StonList = StonValue[]
export type StonMap = Map<StonValue, StonValue>

/** An instance of a class: `Point[1,2]` has a list, `Rectangle{#origin:...}` a map. */
export class StonObject {
  readonly className: string
  readonly contents: StonList | StonMap
  constructor(className: string, contents: StonList | StonMap) {
    this.className = className
    this.contents = contents
  }

  get list(): StonList | undefined {
    return Array.isArray(this.contents) ? this.contents : undefined
  }

  get map(): StonMap | undefined {
    return Array.isArray(this.contents) ? undefined : this.contents
  }
}

export type StonScalar = null | boolean | number | bigint | string | StonFloat | StonFraction | StonScaled | StonSymbol

export type StonValue = StonScalar | StonAssociation | StonReference | StonList | StonMap | StonObject

export type StonNewline = '\n' | '\r' | '\r\n'

/**
 * The entries of a map, or of an object in map form, by the text of their keys: `#a` and `'a'` both give `a`, other
 * keys are left out. A new Map at each call. Undefined for any other value.
 */
export function fieldsOf(value: StonValue): Map<string, StonValue> | undefined {
  const map = value instanceof StonObject ? value.map : value
  if (!(map instanceof Map)) return undefined
  const fields = new Map<string, StonValue>()
  for (const [key, field] of map) {
    if (typeof key === 'string') fields.set(key, field)
    else if (key instanceof StonSymbol) fields.set(key.name, field)
  }
  return fields
}

/** Any STON number as the nearest JavaScript number, `Float[#nan]` and its like included; undefined for others. */
export function numberOf(value: StonValue): number | undefined {
  if (typeof value === 'number' || typeof value === 'bigint') return Number(value)
  if (value instanceof StonFloat) return value.value
  if (value instanceof StonFraction || value instanceof StonScaled) {
    return nearest(value.numerator, value.denominator)
  }
  if (value instanceof StonObject && value.className === 'Float') return taggedFloat(value.list?.[0])
  return undefined
}

/** More than any double can tell apart. */
const QUOTIENT_DIGITS = 40

/** Through decimals, since the parts may be beyond the range of doubles where their quotient is not. */
function nearest(numerator: bigint, denominator: bigint): number {
  if (denominator === 0n) return Number.NaN
  const exponent = Math.max(0, QUOTIENT_DIGITS + String(denominator).length - String(numerator).length)
  return Number(`${(numerator * 10n ** BigInt(exponent)) / denominator}e${-exponent}`)
}

const SPECIAL_FLOATS = new Map([
  ['nan', Number.NaN],
  ['infinity', Number.POSITIVE_INFINITY],
  ['negativeInfinity', Number.NEGATIVE_INFINITY],
])

function taggedFloat(element: StonValue | undefined): number | undefined {
  if (element instanceof StonSymbol) return SPECIAL_FLOATS.get(element.name)
  return element instanceof StonFloat ? element.value : undefined
}

/** The object that stands for a float that is not finite. */
export function specialFloat(value: number): StonObject {
  const name = Number.isNaN(value) ? 'nan' : value > 0 ? 'infinity' : 'negativeInfinity'
  return new StonObject('Float', [new StonSymbol(name)])
}
