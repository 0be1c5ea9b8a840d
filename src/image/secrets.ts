/**
 * Searches what goes out for secrets, while it is read for other reasons anyway: `tap` is put into the stream of each
 * file. What a finding shows is never the secret.
 */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { GlasError } from '../glas/errors.ts'
import { type Plan, type PlannedFile, planSearch } from './text-kinds.ts'
import { TextSearch } from './text-search.ts'

/** Findings kept for one push; a thousand say the same as a hundred: leave this file out. */
export const MAX_FINDINGS = 500
/** Findings named in one message. */
const MAX_FINDINGS_IN_MESSAGE = 5
/** Of SHA-256, in hex: enough to see that two findings are the same secret. */
const SHOWN_HASH_CHARS = 8

export interface Finding {
  path: string
  /** Byte offset in the file. */
  offset: number
  kind: string
  /** Length and the beginning of the SHA-256, never the value. */
  shown: string
}

/** For the record: kinds of content, not paths. */
export interface SearchedKinds {
  text: string[]
  not: string[]
}

/** What was done with one file: searched as this text, or not, because. */
export type Searched = { text: string } | { not: string }

/** Iceberg's file of passwords, whatever it is called: a Fuel file that names one of these classes. */
const FUEL_SIGNATURE = Buffer.from('FUEL')
const CREDENTIAL_CLASSES = /Ice(?:PlaintextOtp|Plaintext|Token|Ssh)Credentials/
const CLASS_NAME_CHARS = 32

export class SecretSearch {
  readonly findings: Finding[] = []
  /** Findings that there was no more room for. */
  overlooked = 0
  readonly #text = new Set<string>()
  readonly #not = new Set<string>()
  /** Files without a finding, by path. */
  readonly #clean = new Map<string, Searched>()

  /** What was searched and what was not, of the files tapped so far. */
  get searched(): SearchedKinds {
    return { text: [...this.#text].sort(), not: [...this.#not].sort() }
  }

  /**
   * Passes `chunks` on unchanged. The findings of a file are there when its stream has ended; a stream that is given
   * up or fails adds none, so that a file may be read again.
   */
  async *tap(file: PlannedFile, chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    let search: FileSearch | null = null
    for await (const chunk of chunks) {
      search ??= new FileSearch(file, chunk)
      search.add(chunk)
      yield chunk
    }
    if (search !== null) this.#take(search)
  }

  /** What was done with a file that was tapped and has no finding; undefined for any other. */
  cleanFile(path: string): Searched | undefined {
    return this.#clean.get(path)
  }

  /** A file that is not read again: it was searched before, in the same way, and had no finding. */
  known(searched: Searched): void {
    if ('text' in searched) this.#text.add(searched.text)
    else this.#not.add(searched.not)
  }

  #take(search: FileSearch): void {
    const { plan } = search
    const searched = plan.search === null ? { not: plan.because } : { text: plan.as }
    this.known(searched)
    const { findings, overlooked } = search.end()
    if (findings.length + overlooked === 0) this.#clean.set(search.path, searched)
    else this.#clean.delete(search.path)
    const room = MAX_FINDINGS - this.findings.length
    this.findings.push(...findings.slice(0, room))
    this.overlooked += overlooked + Math.max(0, findings.length - room)
  }
}

class FileSearch {
  readonly plan: Plan
  readonly path: string
  readonly #search: TextSearch | null
  readonly #fuel: boolean
  #fuelTail = ''
  #fuelFound = false

  constructor(file: PlannedFile, firstChunk: Uint8Array) {
    this.plan = planSearch(file, firstChunk)
    this.path = file.path
    this.#search = this.plan.search === null ? null : new TextSearch(this.plan.search)
    this.#fuel = FUEL_SIGNATURE.equals(firstChunk.subarray(0, FUEL_SIGNATURE.byteLength))
  }

  add(chunk: Uint8Array): void {
    this.#search?.add(chunk)
    if (!this.#fuel || this.#fuelFound) return
    const window = this.#fuelTail + Buffer.from(chunk).toString('latin1')
    this.#fuelFound = CREDENTIAL_CLASSES.test(window)
    this.#fuelTail = window.slice(-CLASS_NAME_CHARS)
  }

  end(): { findings: Finding[]; overlooked: number } {
    const { matches, overlooked } = this.#search?.end() ?? { matches: [], overlooked: 0 }
    const findings = matches.map(({ kind, offset, secret }) => ({
      path: this.path,
      offset,
      kind,
      shown: shown(secret),
    }))
    if (this.#fuelFound) {
      findings.unshift({ path: this.path, offset: 0, kind: 'credentials of Iceberg', shown: 'the whole file' })
    }
    return { findings, overlooked }
  }
}

/** Where the search lies when it is not bundled. */
const SOURCES = ['detectors.ts', 'secrets.ts', 'text-kinds.ts', 'text-search.ts']

/** Another one after every change to the search: the hash of its own source, or of the whole bundle. */
export async function searchVersion(): Promise<string> {
  const own = import.meta.url
  const urls = own.endsWith('.ts') ? SOURCES.map((name) => new URL(name, own)) : [new URL(own)]
  const hash = createHash('sha256')
  for (const url of urls) hash.update(await readFile(url))
  return hash.digest('hex')
}

function shown(secret: string): string {
  const hash = createHash('sha256').update(secret, 'latin1').digest('hex')
  return `${secret.length} characters, SHA-256 ${hash.slice(0, SHOWN_HASH_CHARS)}...`
}

/** The error of a push that would publish `findings`. */
export function secretFound(findings: readonly Finding[], overlooked = 0): GlasError {
  const places = findings
    .slice(0, MAX_FINDINGS_IN_MESSAGE)
    .map(({ path, offset, kind }) => `${kind} in "${path}" at byte ${offset}`)
  const more = findings.length + overlooked - places.length
  const list = more > 0 ? `${places.join('; ')}; and ${more} more` : places.join('; ')
  const message = `Secrets would go out: ${list}. Remove them, leave the files out in .pintglasignore, or push with --secrets allow.`
  return new GlasError('SecretFound', message, { data: { findings, overlooked } })
}
