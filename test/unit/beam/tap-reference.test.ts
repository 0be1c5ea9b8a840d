import * as assert from 'uvu/assert'
import type { ListedTap } from '../../../src/beam/live.ts'
import { tapNamed } from '../../../src/beam/tap-reference.ts'
import { isGlasError } from '../../../src/glas/errors.ts'
import { test } from '../../harness.ts'

const tap = (name: string, peer: string, path = '', host = path === '' ? '' : 'sim7'): ListedTap => {
  const at = { peer, peerId: `id of ${peer}`, here: peer === 'desk', reached: true, may: 'snap' as const }
  return { name, host, path, id: `${name} ${peer} ${path}`, ...at }
}
const ALL = [
  tap('Ants', 'desk', '/home/ann/ants'),
  tap('Ants', 'login', '/scratch/ants'),
  tap('Bees', 'login', '/scratch/bees'),
  tap('Bees', 'login', '/scratch/more bees'),
  tap('Cats', 'node'),
]
const idOf = (text: string) => tapNamed(ALL, text).id
const failed = (text: string) => {
  try {
    tapNamed(ALL, text)
    return { code: 'none', data: {} }
  } catch (error) {
    if (!isGlasError(error)) throw error
    return { code: error.code, data: error.data }
  }
}

test('a tap is named by its name, its directory or its place, and by its machine where others have the same', () => {
  assert.is(idOf('Cats'), ALL[4]!.id)
  assert.is(idOf('Cats@node'), ALL[4]!.id)
  assert.is(idOf('Cats@id of node'), ALL[4]!.id)
  assert.is(idOf('Ants@login'), ALL[1]!.id)
  assert.is(idOf('/home/ann/ants'), ALL[0]!.id)
  assert.is(idOf('sim7:/scratch/bees'), ALL[2]!.id)
  assert.is(idOf('sim7:/scratch/more bees/Bees@login'), ALL[3]!.id)
})

test('what several are called fails, and says what to type instead; so does what none is called', () => {
  assert.equal(failed('Ants'), { code: 'AmbiguousName', data: { candidates: ['Ants@desk', 'Ants@login'] } })
  const bees = failed('Bees@login')
  assert.is(bees.code, 'AmbiguousName')
  const { candidates } = bees.data as { candidates: string[] }
  assert.equal(candidates.map(idOf), [ALL[2]!.id, ALL[3]!.id])
  assert.is(failed('Dogs').code, 'PeerNotFound')
  assert.is(failed('').code, 'PeerNotFound')
})

test('machines of one name are told apart by their ids', () => {
  const twins = ['one', 'two'].map((peerId) => ({ ...tap('Ants', 'vm'), id: peerId, peerId }))
  try {
    tapNamed(twins, 'Ants@vm')
    assert.unreachable()
  } catch (error) {
    assert.ok(isGlasError(error, 'AmbiguousName'))
    assert.equal(error.data, { candidates: ['Ants@one', 'Ants@two'] })
  }
})
