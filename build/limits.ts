/**
 * Writes docs/limits.md from the source: every named limit (a constant whose name ends in a unit or begins with MAX or
 * MIN) with its value and the reason that its comment gives. `--check` only compares; a test runs that.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

const root = resolve(import.meta.dirname, '..')
const target = join(root, 'docs/limits.md')
const LIMIT =
  /((?:^\/\*\*[\s\S]*?\*\/\n)?)^(?:export )?const ((?:MAX|MIN)_[A-Z0-9_]+|[A-Z0-9_]+_(?:MS|BYTES|SECONDS|BLOCKS|ENTRIES))(?:: number)? = ([^\n]+)$/gm
const COMMENT = /^\/\*\*\s*(?:\* )?([\s\S]*?)\s*\*\/\n$/

export function limitsText(): string {
  const lines = [
    '# Limits',
    '',
    'Every queue, message, wait and stream has one. Made from the source by `npm run limits`.',
    '',
  ]
  const files = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }).filter((path) =>
    /\.(ts|js)$/.test(path),
  )
  for (const file of files.sort()) {
    const text = readFileSync(join(root, 'src', file), 'utf8')
    const rows = [...text.matchAll(LIMIT)].map(([, comment = '', name = '', value = '']) => {
      return `| ${name} | ${cell(value)} | ${cell(reasonOf(comment))} |`
    })
    if (rows.length > 0) lines.push(`## ${file}`, '', '| limit | value | why |', '| --- | --- | --- |', ...rows, '')
  }
  return `${lines.join('\n')}`
}

export function limitsAsWritten(): string {
  return readFileSync(target, 'utf8')
}

/** The comment right before the constant, not one further up that the expression may have begun with. */
function reasonOf(comment: string): string {
  const last = comment.lastIndexOf('/**')
  const inner = COMMENT.exec(comment.slice(Math.max(0, last)))?.[1] ?? ''
  return inner.replace(/\n\s*\* ?/g, ' ').trim()
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').trim()
}

if (process.argv[1] === import.meta.filename) {
  if (!process.argv.includes('--check')) writeFileSync(target, limitsText())
  else if (limitsAsWritten() !== limitsText()) throw new Error('docs/limits.md is old: run `npm run limits`')
}
