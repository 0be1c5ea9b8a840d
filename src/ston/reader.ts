/** STON and STONJSON text -> values (model.ts), with references resolved to the same JavaScript object. */
import { stonError } from './errors.ts'
import { MAX_NUMERIC_KEYS } from './limits.ts'
import { StonAssociation, type StonMap, StonObject, StonReference, type StonValue } from './model.ts'
import {
  parseSton,
  parseStonMany,
  type StonListNode,
  type StonMapNode,
  type StonNode,
  type StonParseOptions,
  type StonReferenceNode,
} from './parser.ts'

export interface StonReadOptions extends StonParseOptions {
  /** Leaves `@n` as StonReference. */
  keepReferences?: boolean
}

/** The one value that `text` holds. Throws GlasError BadSton (`data`: line, column, offset), also for more than one. */
export function readSton(text: string, options: StonReadOptions = {}): StonValue {
  return new GraphBuilder(text, options).value(parseSton(text, options))
}

/** The values of `text` one after the other, read as they are asked for. Throws at the first mistake. */
export function* readStonMany(text: string, options: StonReadOptions = {}): Generator<StonValue, void, undefined> {
  for (const node of parseStonMany(text, options)) yield new GraphBuilder(text, options).value(node)
}

/** Builds in the order of the text, so that the n-th container begun is the one that `@n` means. */
class GraphBuilder {
  private readonly text: string
  private readonly keepReferences: boolean
  private readonly containers: StonValue[] = []

  constructor(text: string, options: StonReadOptions) {
    this.text = text
    this.keepReferences = options.keepReferences ?? false
  }

  value(node: StonNode): StonValue {
    if (node.kind === 'scalar') return node.value
    if (node.kind === 'list') return this.list(node)
    if (node.kind === 'map') return this.map(node)
    if (node.kind === 'reference') return this.reference(node)
    return new StonAssociation(this.value(node.key), this.value(node.value))
  }

  private list(node: StonListNode): StonValue {
    const list: StonValue[] = []
    const value = node.className === null ? list : new StonObject(node.className, list)
    this.containers.push(value)
    for (const item of node.items) list.push(this.value(item))
    return value
  }

  private map(node: StonMapNode): StonValue {
    const map: StonMap = new Map()
    const value = node.className === null ? map : new StonObject(node.className, map)
    this.containers.push(value)
    let numericKeys = 0
    for (const entry of node.entries) {
      const key = this.value(entry.key)
      const isNumeric = typeof key === 'number' || typeof key === 'bigint'
      if (isNumeric && ++numericKeys > MAX_NUMERIC_KEYS) {
        throw stonError(this.text, entry.key.start, `more than ${MAX_NUMERIC_KEYS} numeric keys in one map`)
      }
      map.set(key, this.value(entry.value))
    }
    return value
  }

  private reference({ number, start }: StonReferenceNode): StonValue {
    const begun = this.containers.length
    const target = this.containers[number - 1]
    if (target === undefined) {
      throw stonError(
        this.text,
        start,
        `@${number} refers to nothing: ${begun} lists, maps and objects began before it`,
      )
    }
    return this.keepReferences ? new StonReference(number) : target
  }
}
