/** `.pintglasignore`: the user's own list of what to leave out or bring back, in the syntax of `.gitignore`. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import ignore from 'ignore'
import { hasErrno } from '../disk/files.ts'
import { GlasError } from '../glas/errors.ts'

/** In the image directory itself; those further down are ordinary files. */
const IGNORE_FILE_NAME = '.pintglasignore'

/** Hand-written: a few dozen lines are usual. */
const MAX_IGNORE_FILE_BYTES = 64 * 1024
const MAX_IGNORE_LINES = 1000
/** Every `**` of a line multiplies the ways to match a deep path; with a fourth one a single test takes seconds. */
const MAX_GLOBSTARS_PER_LINE = 3

export type IgnoreVerdict = { kind: 'left out'; line: string } | { kind: 'brought back' } | { kind: 'no line' }

/** `path` is relative to the image directory. */
export type IgnoreRules = (path: string, isDirectory: boolean) => IgnoreVerdict

/** Reads the file in `directory`; without one no line ever matches. Throws LimitExceeded and FileError. */
export async function readIgnoreFile(directory: string): Promise<IgnoreRules> {
  let bytes: Buffer
  try {
    bytes = await readFile(join(directory, IGNORE_FILE_NAME))
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return () => ({ kind: 'no line' })
    throw error
  }
  limit(bytes.byteLength, MAX_IGNORE_FILE_BYTES, 'bytes')
  return parseIgnoreLines(bytes.toString('utf8'))
}

/** Names are told apart by case, as on Linux: the same file leaves out the same things on every machine. */
export function parseIgnoreLines(text: string): IgnoreRules {
  const lines = text.split(/\r?\n/)
  limit(lines.length, MAX_IGNORE_LINES, 'lines')
  for (const line of lines) limit(line.split('**').length - 1, MAX_GLOBSTARS_PER_LINE, '"**" in one line')
  const rules = ignore({ ignorecase: false }).add(lines)
  return (path, isDirectory) => {
    const { ignored, unignored, rule } = rules.test(isDirectory ? `${path}/` : path)
    if (ignored) return { kind: 'left out', line: rule?.pattern ?? '' }
    return { kind: unignored ? 'brought back' : 'no line' }
  }
}

function limit(value: number, max: number, unit: string): void {
  if (value <= max) return
  throw new GlasError('LimitExceeded', `${IGNORE_FILE_NAME} has ${value} ${unit}; at most ${max} are read.`, {
    data: { limit: max, value, unit },
  })
}
