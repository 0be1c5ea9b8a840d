import { GlasError } from '../glas/errors.ts'

/** A mistake in a text. `line` and `column` count from 1, `offset` from 0; the last two in UTF-16 code units. */
export function stonError(text: string, offset: number, problem: string): GlasError {
  const before = text.slice(0, offset)
  const lines = before.match(/\r\n?|\n/g)?.length ?? 0
  const lineStart = Math.max(before.lastIndexOf('\n'), before.lastIndexOf('\r')) + 1
  const place = { line: lines + 1, column: offset - lineStart + 1, offset }
  return new GlasError('BadSton', `Cannot read STON at line ${place.line}, column ${place.column}: ${problem}.`, {
    data: place,
  })
}

/** A value that the writer has no words for. */
export function refuseToWrite(what: string): never {
  throw new GlasError('BadSton', `Cannot write ${what} as STON.`)
}
