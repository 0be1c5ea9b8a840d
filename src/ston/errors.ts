import { GlasError } from '../glas/errors.ts'

const LINE_FEED = 10
const CARRIAGE_RETURN = 13

/** A mistake in a text. `line` and `column` count from 1, `offset` from 0; the last two in UTF-16 code units. */
export function stonError(text: string, offset: number, problem: string): GlasError {
  let line = 1
  let lineStart = 0
  for (let at = 0; at < offset; at++) {
    const code = text.charCodeAt(at)
    if (code !== LINE_FEED && code !== CARRIAGE_RETURN) continue
    if (code === LINE_FEED || text.charCodeAt(at + 1) !== LINE_FEED) line++
    lineStart = at + 1
  }
  const place = { line, column: offset - lineStart + 1, offset }
  return new GlasError('BadSton', `Cannot read STON at line ${place.line}, column ${place.column}: ${problem}.`, {
    data: place,
  })
}

/** A value that the writer has no words for. */
export function refuseToWrite(what: string): never {
  throw new GlasError('BadSton', `Cannot write ${what} as STON.`)
}
