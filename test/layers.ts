/**
 * Imports point down only. Prints every import that does not and exits 1; `layers.test.ts` runs the same check.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'

const SOURCE = resolve(import.meta.dirname, '../src')

/** Folder (or file) of src -> what of ours it may import. The order is that of docs/architecture.md, bottom first. */
const NOUNS = ['glas', 'ston', 'disk']
const PARTS = ['spur', 'image', 'stock', 'index', 'net', 'home', 'remote']
export const MAY_IMPORT: Record<string, string[]> = {
  glas: [],
  ston: ['glas/errors.ts'],
  disk: ['glas/errors.ts'],
  ...Object.fromEntries(PARTS.map((part) => [part, NOUNS])),
  beam: [...NOUNS, ...PARTS],
  'open.ts': [...NOUNS, ...PARTS, 'beam'],
  sampler: [...NOUNS, ...PARTS, 'beam', 'open.ts'],
  cli: [...NOUNS, ...PARTS, 'beam', 'open.ts', 'sampler'],
}

/** The only folder that may import these packages: everything else works without a network. */
const NETWORK_FOLDER = 'net'
const NETWORK_PACKAGES = /^(helia|libp2p|@helia\/.*|@libp2p\/.*|@chainsafe\/.*|@multiformats\/multiaddr)$/

/** Verbs reach the network through the composition root alone, so that those without network never load it. */
const LAZY_ONLY: Record<string, string> = { net: 'open.ts' }

export function violations(): string[] {
  const found: string[] = []
  for (const path of readdirSync(SOURCE, { recursive: true, encoding: 'utf8' })) {
    if (path.endsWith('.ts')) found.push(...violationsIn(join(SOURCE, path)))
  }
  return found
}

function violationsIn(file: string): string[] {
  const text = readFileSync(file, 'utf8')
  const from = layerOf(file)
  const found: string[] = []
  for (const match of text.matchAll(
    /^\s*(import|export)\s(type\s)?[\w\s{},*]*?['"]([^'"]+)['"]|(import)\(['"]([^'"]+)['"]\)/gm,
  )) {
    const target = match[3] ?? match[5] ?? ''
    const isType = match[2] !== undefined
    const complaint = target.startsWith('.')
      ? checkOurs(from, relative(SOURCE, resolve(dirname(file), target)), isType, match[4] !== undefined)
      : checkPackage(from, target, isType)
    if (complaint !== undefined) found.push(`src/${relative(SOURCE, file)}: ${complaint}`)
  }
  return found
}

function checkOurs(from: string, target: string, isType: boolean, isLazy: boolean): string | undefined {
  const to = layerOf(join(SOURCE, target))
  if (from === to) return undefined
  const allowed = MAY_IMPORT[from]
  if (allowed === undefined) return `the folder "${from}" has no place in the layers`
  if (!allowed.includes(to) && !allowed.includes(target)) return `${from} must not import ${target}`
  if (to in LAZY_ONLY && !isType && !(isLazy && from === LAZY_ONLY[to])) {
    return `${target} may only be imported lazily, by ${LAZY_ONLY[to]}`
  }
  return undefined
}

function checkPackage(from: string, target: string, isType: boolean): string | undefined {
  if (from === NETWORK_FOLDER || isType || !NETWORK_PACKAGES.test(target)) return undefined
  return `only ${NETWORK_FOLDER} may import ${target}`
}

function layerOf(file: string): string {
  return relative(SOURCE, file).split(sep)[0] ?? ''
}

if (process.argv[1] === import.meta.filename) {
  const found = violations()
  for (const line of found) console.error(line)
  console.log(found.length === 0 ? 'layers: imports point down only' : `layers: ${found.length} imports point up`)
  process.exitCode = found.length === 0 ? 0 : 1
}
