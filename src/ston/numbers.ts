/** Number literals: reading them, and printing floats and fractions the way Pharo prints them. */
import { refuseToWrite } from './errors.ts'
import { MAX_EXPONENT, MAX_FRACTION_DIGITS, MAX_INTEGER_DIGITS } from './limits.ts'
import { StonFloat, StonFraction, StonScaled } from './model.ts'
import type { StonScanner } from './scanner.ts'

export type StonNumber = number | bigint | StonFloat | StonFraction | StonScaled

/** Integers of fewer digits than this are exact as a JavaScript number. */
const SAFE_DIGITS = 16

export function readNumber(scanner: StonScanner): StonNumber {
  const start = scanner.offset
  scanner.take('-')
  scanner.digits(MAX_INTEGER_DIGITS)
  const whole = scanner.text.slice(start, scanner.offset)
  const number = readRest(scanner, start, whole)
  scanner.endToken()
  return number
}

function readRest(scanner: StonScanner, start: number, whole: string): StonNumber {
  if (scanner.take('/')) return readFraction(scanner, start, whole)
  const hasPoint = scanner.take('.')
  if (hasPoint) scanner.digits(MAX_INTEGER_DIGITS)
  const exponent = readExponent(scanner)
  if (!hasPoint) return exponent === undefined ? integer(whole) : timesPowerOfTen(scanner, whole, exponent)
  const value = Number(scanner.text.slice(start, scanner.offset))
  if (!Number.isFinite(value)) scanner.fail('a float beyond the range of IEEE doubles', start)
  return new StonFloat(value)
}

function readFraction(scanner: StonScanner, start: number, whole: string): StonNumber {
  const denominator = BigInt(scanner.digits(MAX_FRACTION_DIGITS))
  if (denominator === 0n) scanner.fail('a fraction with denominator 0', start)
  if (whole.length > MAX_FRACTION_DIGITS) scanner.fail(`a fraction of more than ${MAX_FRACTION_DIGITS} digits`, start)
  if (!scanner.take('s')) return new StonFraction(BigInt(whole), denominator)
  const scale = Number(scanner.digits(SAFE_DIGITS - 1))
  return new StonScaled(BigInt(whole), denominator, scale)
}

function readExponent(scanner: StonScanner): number | undefined {
  if (!scanner.take('e') && !scanner.take('E')) return undefined
  const negative = scanner.take('-')
  if (!negative) scanner.take('+')
  const exponent = Number(scanner.digits(SAFE_DIGITS - 1))
  return negative ? -exponent : exponent
}

/** Without a point the number stays exact, as Pharo has it: `1e3` is 1000, `1e-3` is 1/1000. */
function timesPowerOfTen(scanner: StonScanner, whole: string, exponent: number): StonNumber {
  if (Math.abs(exponent) > MAX_EXPONENT) scanner.fail(`an exponent beyond ${MAX_EXPONENT} in a number without a point`)
  if (exponent >= 0) return normal(BigInt(whole) * 10n ** BigInt(exponent))
  if (whole.length > MAX_FRACTION_DIGITS) scanner.fail(`a fraction of more than ${MAX_FRACTION_DIGITS} digits`)
  return new StonFraction(BigInt(whole), 10n ** BigInt(-exponent))
}

function integer(digits: string): number | bigint {
  if (digits.length < SAFE_DIGITS) return Number(digits) + 0 // `-0` is the integer 0, and -0 + 0 is 0
  return normal(BigInt(digits))
}

function normal(value: bigint): number | bigint {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}

/** The shortest decimal that reads back as the same finite float, always with a point, as Pharo prints it. */
export function printFloat(value: number): string {
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0'
  const magnitude = Math.abs(value)
  // Pharo leaves the exponent out between these two.
  if (magnitude >= 1e-4 && magnitude < 1e6) return withPoint(String(value))
  const [mantissa = '', exponent] = value.toExponential().split('e')
  return `${withPoint(mantissa)}e${Number(exponent)}`
}

function withPoint(decimal: string): string {
  return decimal.includes('.') ? decimal : `${decimal}.0`
}

/** As many digits as are read again. */
export function printBigInt(value: bigint): string {
  const digits = String(value)
  return digits.length > MAX_INTEGER_DIGITS ? refuseToWrite(`an integer of ${digits.length} digits`) : digits
}

/** `1/3`; an integer where the denominator is 1 after reducing. */
export function printFraction(fraction: StonFraction): string {
  const [numerator, denominator] = reduced(fraction)
  return denominator === 1n ? String(numerator) : `${numerator}/${denominator}`
}

/** `1/3s2`; always with a denominator. */
export function printScaled(scaled: StonScaled): string {
  if (!Number.isSafeInteger(scaled.scale) || scaled.scale < 0) refuseToWrite(`a scale of ${scaled.scale} decimals`)
  const [numerator, denominator] = reduced(scaled)
  return `${numerator}/${denominator}s${scaled.scale}`
}

function reduced({ numerator, denominator }: { numerator: bigint; denominator: bigint }): [bigint, bigint] {
  if (denominator <= 0n) refuseToWrite(`a fraction with the denominator ${denominator}`)
  let divisor = numerator < 0n ? -numerator : numerator
  for (let rest = denominator; rest !== 0n; ) [divisor, rest] = [rest, divisor % rest]
  return [numerator / divisor, denominator / divisor]
}
