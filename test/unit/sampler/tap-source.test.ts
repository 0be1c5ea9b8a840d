import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import * as assert from 'uvu/assert'
import { test } from '../../harness.ts'
import { parseBody } from '../../tap/smalltalk.ts'
import { parseTonel, type TonelFile, text_ } from '../../tap/tonel.ts'

const SOURCE = join(import.meta.dirname, '..', '..', '..', 'src', 'sampler', 'tap')
const paths = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.st'))
const files = new Map(paths.map((path) => [path, parseTonel(readFileSync(join(SOURCE, path), 'utf8'))]))
const classes = [...files].filter(([, { kind }]) => kind === 'Class')
const nameOf = ({ fields }: TonelFile) => text_(fields.get('name'))
const listOf = ({ fields }: TonelFile, key: string) => (fields.get(key) as string[] | undefined) ?? []

/** Classes of every Pharo from 8 to 13, and of Zinc's WebSockets. */
const GLOBALS =
  'BaselineOf Delay Dictionary Error FileLocator Mutex NetNameResolver NetworkError Object Processor Semaphore ' +
  'SessionManager Smalltalk STONJSON String Time Transcript UIManager UUID ZipArchive ZnClient ZnUrl ZnWebSocket ' +
  'ZnWebSocketFrame'
const globals = new Set(GLOBALS.split(' '))
/** What every object understands. */
const INHERITED = new Set(['new', 'name', 'error:', 'initialize', 'yourself'])

test('the Tap is Tonel as Pharo reads it: definitions in STON, a file for each class, a package for each folder', () => {
  assert.match(readFileSync(join(SOURCE, '.properties'), 'utf8'), /#format : #tonel/)
  for (const [path, file] of files) {
    if (file.kind === 'Package') assert.is(nameOf(file), dirname(path))
    else {
      assert.is(`${nameOf(file)}.class.st`, path.slice(dirname(path).length + 1))
      assert.is(text_(file.fields.get('category')), dirname(path))
      assert.ok(file.comment.length > 20, `${path} has no comment`)
    }
  }
  assert.equal(classes.map(([, file]) => nameOf(file)).sort(), [
    'BaselineOfPintGlasTap',
    'PintTap',
    'PintTapConnection',
    'PintTapSnapshot',
  ])
})

test('every method can be read, is there once, and uses only variables that somebody declares', () => {
  const own = new Set(classes.map(([, file]) => nameOf(file)))
  for (const [path, file] of classes) {
    const seen = new Set<string>()
    for (const { className, isMeta, selector, arguments: names, category, body } of file.methods) {
      const name = `${className}${isMeta ? ' class' : ''} >> ${selector}`
      assert.is(className, nameOf(file), path)
      assert.not.ok(seen.has(name), `${name} is there twice`)
      assert.is.not(category, '', name)
      seen.add(name)
      const variables = [...names, ...listOf(file, 'classVars'), ...(isMeta ? [] : listOf(file, 'instVars'))]
      try {
        const { undeclared } = parseBody(body, variables)
        const unknown = [...undeclared].filter((variable) => !own.has(variable) && !globals.has(variable))
        assert.equal(unknown, [], name)
      } catch (error) {
        throw new Error(`${name}: ${(error as Error).message}`)
      }
    }
  }
})

test('what the Tap sends to itself and to its own classes is there', () => {
  const selectors = new Map<string, Set<string>>()
  for (const [, { methods }] of classes) {
    for (const { className, isMeta, selector } of methods) {
      const side = `${className}${isMeta ? ' class' : ''}`
      selectors.set(side, (selectors.get(side) ?? new Set()).add(selector))
    }
  }
  for (const [, file] of classes) {
    for (const { className, isMeta, selector: from, body, arguments: names } of file.methods) {
      for (const one of parseBody(body, names).sent) {
        const [receiver = '', selector = ''] = one.split(' ')
        const side = receiver === 'self' ? `${className}${isMeta ? ' class' : ''}` : `${receiver} class`
        if (globals.has(receiver) || INHERITED.has(selector) || !selectors.has(side)) continue
        assert.ok(selectors.get(side)?.has(selector), `${className} >> ${from} sends ${one}`)
      }
    }
  }
})

test('no variable of the Tap is for a token: what objects refer to goes out with every snapshot', () => {
  const variables = classes.flatMap(([, file]) => [...listOf(file, 'instVars'), ...listOf(file, 'classVars')])
  assert.equal(
    variables.filter((name) => /token|password|secret|authori/i.test(name)),
    ['TokenFile'],
    'a path is all that is kept',
  )
  const connection = files.get('PintGlas-Tap/PintTapConnection.class.st')
  const execute = connection?.methods.find(({ selector }) => selector === 'execute:')
  assert.match(execute?.body ?? '', /ensure: \[\s*PintTap erase: authorization\.\s*self eraseBufferOf: aClient \]/)
})

test('this check finds what a compiler would', () => {
  for (const [body, why] of [
    ['^ (1 + 2', 'a bracket'],
    ['a := 1', 'an undeclared variable'],
    ['self foo. ; bar', 'a cascade of nothing'],
    ['self foo bar: . self baz', 'a missing argument'],
    ["^ 'abc", 'an open string'],
    ['self foo self bar]', 'a bracket too many'],
    ['^ 1. ^ 2', 'a statement that is never reached'],
  ] as const) {
    const finds = () => {
      if (parseBody(body, []).undeclared.size > 0) throw new Error('undeclared')
    }
    assert.throws(finds, undefined, why)
  }
  assert.equal(
    [...parseBody('| a | a := [ :x | x foo: 1 - a; bar ] value: $] . ^ #(1 $a #b) , {a. 2}', []).undeclared],
    [],
  )
})
