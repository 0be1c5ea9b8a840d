/** Files in Tonel format: a comment, a definition in STON, and methods with a definition each. */
import { fieldsOf, type StonValue } from '../../src/ston/model.ts'
import { readSton } from '../../src/ston/reader.ts'

export interface TonelMethod {
  className: string
  isMeta: boolean
  selector: string
  arguments: string[]
  category: string
  body: string
}

export interface TonelFile {
  kind: 'Class' | 'Package' | 'Extension' | 'Trait'
  comment: string
  fields: Map<string, StonValue>
  methods: TonelMethod[]
}

/** Throws where a reader of Tonel would, or would read something else than was meant. */
export function parseTonel(text: string): TonelFile {
  const [head = '', comment = ''] = /^"((?:[^"]|"")*)"\s*/.exec(text) ?? []
  let rest = text.slice(head.length)
  const kind = /^(Class|Package|Extension|Trait)\s*/.exec(rest)
  if (kind === null) throw new Error(`no definition: ${rest.slice(0, 40)}`)
  rest = rest.slice(kind[0].length)
  const definition = upToClosing(rest, '{', '}')
  rest = rest.slice(definition.length).trimStart()
  const methods: TonelMethod[] = []
  while (rest !== '') {
    const meta = upToClosing(rest, '{', '}')
    rest = rest.slice(meta.length).trimStart()
    const open = rest.indexOf('[')
    const pattern = rest.slice(0, open).trim()
    const body = upToClosing(rest.slice(open), '[', ']')
    rest = rest.slice(open + body.length).trimStart()
    methods.push({ ...patternOf(pattern), category: text_(fieldsIn(meta).get('category')), body: body.slice(1, -1) })
  }
  return { kind: kind[1] as TonelFile['kind'], comment, fields: fieldsIn(definition), methods }
}

export function text_(value: StonValue | undefined): string {
  return typeof value === 'string' ? value : String((value as { name?: string } | undefined)?.name ?? '')
}

function fieldsIn(ston: string): Map<string, StonValue> {
  const fields = fieldsOf(readSton(ston))
  if (fields === undefined) throw new Error(`no map: ${ston}`)
  return fields
}

function patternOf(pattern: string): Omit<TonelMethod, 'category' | 'body'> {
  const [, className = '', meta, selector = ''] = /^(\w+)( class)? >> (.+)$/s.exec(pattern) ?? []
  if (selector === '') throw new Error(`no method: ${pattern}`)
  const isMeta = meta !== undefined
  const parts = [...selector.matchAll(/(\w+:)\s+(\w+)/g)]
  if (parts.length === 0) {
    const [, operator, argument] = /^([^\w\s]+) (\w+)$/.exec(selector) ?? []
    return { className, isMeta, selector: operator ?? selector, arguments: argument === undefined ? [] : [argument] }
  }
  const names = parts.map(([, , argument = '']) => argument)
  return { className, isMeta, selector: parts.map(([, key]) => key).join(''), arguments: names }
}

/** From an opening bracket to the one that closes it; what stands in strings, comments and after `$` does not count. */
function upToClosing(text: string, open: string, close: string): string {
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const char = text[at]
    if (char === "'" || char === '"') {
      const end = text.indexOf(char, at + 1)
      if (end < 0) throw new Error(`not closed: ${text.slice(at, at + 40)}`)
      at = end
    } else if (char === '$') at++
    else if (char === open) depth++
    else if (char === close && --depth === 0) return text.slice(0, at + 1)
  }
  throw new Error(`no "${close}" for: ${text.slice(0, 40)}`)
}
