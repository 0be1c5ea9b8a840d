import type { Shown } from '../beam/show.ts'
import { StonSymbol } from '../ston/model.ts'
import { writeSton } from '../ston/writer.ts'
import { call, run } from './run.ts'
import { shownBytes, shownTable } from './shown.ts'
import type { AddVerb } from './verb.ts'

export const addShow: AddVerb = (program, start) => {
  program
    .command('show <reference>')
    .description('show the record of a version')
    .option('--ston', 'as STON, for a Pharo image to read')
    .option('--files', 'list its files, too')
    .action(async (reference: string, options: { ston?: true; files?: true }) => {
      const args = { reference, files: options.files === true }
      const begun = start()
      if (options.ston) process.stdout.write(`${ston(await call(begun, 'show', args))}\n`)
      else await run(begun, 'show', args, render)
    })
}

function render(shown: Shown): string {
  const { files, ...fields } = shown
  const rows = Object.entries(fields).map(([key, value]) => [key, cell(key, value)])
  const table = shownTable(rows)
  if (files === undefined) return table
  return `${table}\n\n${shownTable(files.map(({ path, kind, size, mode }) => [mode, kind === 'file' ? shownBytes(size) : kind, path]))}`
}

function cell(key: string, value: unknown): string {
  if (key === 'size' && typeof value === 'number') return `${value} (${shownBytes(value)})`
  if (key === 'format' && value !== null) return formatText(value as NonNullable<Shown['format']>)
  if (key === 'searched') {
    const { text, not, allowed } = value as Shown['searched']
    return `${text.join(', ') || 'nothing'}; not searched: ${not.join(', ') || 'nothing'}; let through: ${allowed}`
  }
  if (key === 'image') return (value as Shown['image']).map(keptText).join('; ') || 'not here'
  if (key === 'removed') {
    return Object.entries(value as Shown['removed'])
      .map(([rule, count]) => `${rule}: ${count}`)
      .join(', ')
  }
  if (value === null) return '-'
  return Array.isArray(value) ? value.join(', ') : String(value)
}

function keptText(kept: Shown['image'][number]): string {
  if (kept['kept-as'] === 'delta') return `${kept.path}: ${shownBytes(kept['delta-bytes'] ?? 0)} beyond another version`
  return `${kept.path}: whole${kept.reason === undefined ? '' : ` (${kept.reason})`}`
}

function formatText(format: NonNullable<Shown['format']>): string {
  return `Spur ${8 * format['word-size']} bit, format ${format.number}, image version ${format['image-version']}`
}

/** A dictionary with symbols as keys, which Pharo's reader takes as it is. */
function ston(shown: Shown): string {
  return writeSton(toSton(shown), { pretty: true, nils: 'write' })
}

function toSton(value: unknown): Parameters<typeof writeSton>[0] {
  if (Array.isArray(value)) return value.map(toSton)
  if (typeof value === 'object' && value !== null) {
    return new Map(Object.entries(value).map(([key, item]) => [new StonSymbol(key), toSton(item)]))
  }
  return value as string | number | boolean | null
}
