import * as assert from 'uvu/assert'
import { type GlasError, isGlasError } from '../../../src/glas/errors.ts'
import { toHex } from '../../../src/glas/keys.ts'
import { parseReference } from '../../../src/glas/reference.ts'
import { versionText } from '../../../src/glas/version.ts'
import { type IsNear, resolve } from '../../../src/index/resolve.ts'
import { viewOf } from '../../../src/index/view.ts'
import { test } from '../../harness.ts'
import { granteeOf, ownWriter, recordOf } from './fixture.ts'

const ann = ownWriter('ann')
const laptop = granteeOf(ann, 'laptop')
const bob = ownWriter('bob')
const record = (name: string) => recordOf(name)

const view = viewOf([
  ann.granted,
  laptop.granted,
  bob.granted,
  ann.version(1, [0, 0, 1], record('1')),
  ann.version(2, [0, 0, 2], record('2')),
  laptop.version(2, [0, 0, 2], record('2 of laptop')),
  ann.version(3, [0, 0, 3], record('3'), { imageName: 'ants' }),
  ann.version(4, [0, 0, 4], record('4'), { imageName: 'gone' }),
  ann.retract(5, record('4')),
  ann.tag(6, 'paper', record('2 of laptop')),
  ann.tag(7, 'lost', record('4')),
  ann.tag(8, 'elsewhere', record('nobody knows')),
  bob.version(1, [1, 0, 0], record('bob'), { imageName: 'ants' }),
])

const annOnly: IsNear = (_, owner) => owner === toHex(ann.owner.publicKey)
const everybody: IsNear = () => true
const look = (text: string, isNear = annOnly) => resolve(view, parseReference(text), isNear)

function failure(text: string, isNear = annOnly): GlasError {
  try {
    look(text, isNear)
  } catch (error) {
    if (isGlasError(error)) return error
    throw error
  }
  throw new Error(`"${text}" was resolved`)
}

test('a glas is found by its id, by the beginning of its id and by its image name', () => {
  for (const text of [ann.glasId, ann.glasId.slice(0, 6), 'ants']) {
    assert.is(look(text).glasId, ann.glasId)
    assert.is(versionText(look(text).version), '0.0.3')
  }
})

test('a version, @latest, a tag and the id of a record each name one snapshot', () => {
  assert.equal(look('ants@0.0.1').record, record('1'))
  assert.equal(look('ants@latest').record, record('3'))
  assert.equal(look('ants@paper').record, record('2 of laptop'))
  assert.equal(look(`ants@${record('2')}`).record, record('2'))
})

test('a version with a fork means the first of them, and tells of the others', () => {
  const { record: first, others } = look('ants@0.0.2')
  assert.equal(first, record('2'))
  assert.equal(
    others.map((other) => String(other.record)),
    [String(record('2 of laptop'))],
  )
  assert.equal(look('ants@0.0.3').others, [])
})

test('the image name of a glas is that of its latest version that stands', () => {
  for (const old of ['model', 'gone']) assert.is(failure(old).code, 'NameNotFound')
})

test('a name may be composed or decomposed Unicode', () => {
  const writer = ownWriter('ann', 'accents')
  const accents = viewOf([
    writer.granted,
    writer.version(1, [0, 0, 1], record('1'), { imageName: 'fourmilie\u0300re' }),
  ])
  assert.is(resolve(accents, parseReference('fourmili\u00e8re'), everybody).glasId, writer.glasId)
})

test('names and beginnings are looked up among near glases alone; somebody else’s needs its full id', () => {
  assert.is(look(bob.glasId).glasId, bob.glasId)
  assert.is(failure(bob.glasId.slice(0, 8)).code, 'NameNotFound')
  assert.is(look('ants').glasId, ann.glasId, 'bob’s is not near')
})

test('a name of two near glases is refused, with the candidates', () => {
  const error = failure('ants', everybody)
  assert.is(error.code, 'AmbiguousName')
  const ids = (error.data.candidates as { 'glas-id': string }[]).map((one) => one['glas-id'])
  assert.equal(ids, [ann.glasId, bob.glasId].sort())
  assert.match(error.message, 'Write more of the glas-id')
})

test('what is not there says what is there', () => {
  assert.match(failure('ant').message, 'There are: ants')
  assert.match(failure('ants@9.9.9').message, 'There are: 0.0.1, 0.0.2, 0.0.3, elsewhere, lost, paper')
  assert.match(failure('ants@nothing').message, 'no tag "nothing"')
  assert.match(failure('f'.repeat(32)).message, 'Nothing is known here')
})

test('a retracted version and a tag of one are not found by name; the id of its record still finds it', () => {
  assert.match(failure('ants@0.0.4').message, 'retracted')
  assert.match(failure('ants@lost').message, 'retracted')
  assert.match(failure('ants@elsewhere').message, 'not known here')
  assert.ok(look(`ants@${record('4')}`).published.retracted)
})

test('a glas of which everything was retracted says so', () => {
  const writer = ownWriter('carl')
  const all = viewOf([writer.granted, writer.version(1, [0, 0, 1], record('1')), writer.retract(2, record('1'))])
  assert.throws(() => resolve(all, parseReference('model'), everybody), /all its versions were retracted/)
})
