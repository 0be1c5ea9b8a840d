/** A git working copy as Iceberg clones it: Tonel sources, loose objects that are read-only, empty directories. */
import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { deflateSync } from 'node:zlib'
import type { Random } from './random.ts'
import { classNameOf, methodSource } from './text.ts'

const EMPTY_DIRECTORIES = ['refs/tags', 'objects/pack', 'objects/info', 'branches'] as const
const READ_ONLY = 0o444
const AUTHOR = 'Ada <ada@example.org> 1704706200 +0000'
const CLASSES_PER_PACKAGE = 6

/** `name` is `organisation/project`. Returns nothing: the tree on disk is the result. */
export function writeClone(directory: string, name: string, random: Random): void {
  const git = join(directory, '.git')
  mkdirSync(git, { recursive: true })
  const files = [
    { path: '.project', text: "{\n\t'srcDirectory' : 'src'\n}" },
    { path: 'README.md', text: `# ${name}\n` },
    { path: 'src/.properties', text: '{\n\t#format : #tonel\n}' },
    ...packageFiles(random),
  ]
  for (const { path, text } of files) write(join(directory, path), text)
  symlinkSync('README.md', join(directory, 'LIESMICH.md'))
  const tree = writeTree(git, files, '')
  const commit = writeObject(
    git,
    'commit',
    Buffer.from(`tree ${tree}\nauthor ${AUTHOR}\ncommitter ${AUTHOR}\n\nFirst\n`),
  )
  for (const path of EMPTY_DIRECTORIES) mkdirSync(join(git, path), { recursive: true })
  write(join(git, 'HEAD'), 'ref: refs/heads/master\n')
  write(join(git, 'refs/heads/master'), `${commit}\n`)
  const remote = `[remote "origin"]\n\turl = https://git.example.org/${name}.git\n\tfetch = +refs/heads/*:refs/remotes/origin/*\n`
  write(join(git, 'config'), `[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n${remote}`)
  write(join(git, 'description'), 'Unnamed repository\n')
}

interface TextFile {
  path: string
  text: string
}

function packageFiles(random: Random): TextFile[] {
  const name = classNameOf(random)
  const files = [{ path: `src/${name}/package.st`, text: `Package { #name : #${name} }\n` }]
  for (let at = 0; at < CLASSES_PER_PACKAGE; at++) {
    const className = `${classNameOf(random)}${at}`
    const method = methodSource(random).replaceAll('\r', '\n')
    const text = `Class {\n\t#name : #${className},\n\t#superclass : #Object,\n\t#category : #${name}\n}\n\n${method}\n`
    files.push({ path: `src/${name}/${className}.class.st`, text })
  }
  return files
}

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}

/** The tree object of the files below `folder` (empty, or ended by `/`); the link is part of the topmost one. */
function writeTree(git: string, files: readonly TextFile[], folder: string): string {
  const entries = new Map<string, { mode: string; hash: string }>()
  for (const { path, text } of files) {
    if (!path.startsWith(folder)) continue
    const [name, ...below] = path.slice(folder.length).split('/')
    if (name === undefined || entries.has(name)) continue
    if (below.length > 0) entries.set(name, { mode: '40000', hash: writeTree(git, files, `${folder}${name}/`) })
    else entries.set(name, { mode: '100644', hash: writeObject(git, 'blob', Buffer.from(text)) })
  }
  if (folder === '')
    entries.set('LIESMICH.md', { mode: '120000', hash: writeObject(git, 'blob', Buffer.from('README.md')) })
  const sortKey = ([name, { mode }]: [string, { mode: string }]) => (mode === '40000' ? `${name}/` : name)
  const sorted = [...entries].sort((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1))
  const parts = sorted.flatMap(([name, { mode, hash }]) => [Buffer.from(`${mode} ${name}\0`), Buffer.from(hash, 'hex')])
  return writeObject(git, 'tree', Buffer.concat(parts))
}

/** A loose object. Stored, not compressed: how far zlib compresses differs from machine to machine. */
function writeObject(git: string, kind: string, content: Buffer): string {
  const bytes = Buffer.concat([Buffer.from(`${kind} ${content.length}\0`), content])
  const hash = createHash('sha1').update(bytes).digest('hex')
  const path = join(git, 'objects', hash.slice(0, 2), hash.slice(2))
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, deflateSync(bytes, { level: 0 }))
  chmodSync(path, READ_ONLY)
  return hash
}
