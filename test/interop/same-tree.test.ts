/** What we make of a directory, put into a real Kubo block by block, reads the same there. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CID } from 'multiformats/cid'
import * as assert from 'uvu/assert'
import { DAG_CBOR_CODE, DAG_PB_CODE, RAW_CODE } from '../../src/stock/cid.ts'
import type { Stock } from '../../src/stock/stock.ts'
import { imageDirectory } from '../gen/directory.ts'
import { test } from '../harness.ts'
import { newFolder } from '../home-peer.ts'
import { Kubo, NO_KUBO } from '../kubo/kubo.ts'
import { plainTree } from './plain-tree.ts'
import { newPublicHome } from './public-home.ts'

const CODECS = { raw: RAW_CODE, 'dag-pb': DAG_PB_CODE, 'dag-cbor': DAG_CBOR_CODE }
const SHARDED_NAMES = 5000
const HARD_NAMES = ['Zebra', 'apple', 'a', 'a.b', 'a b', 'Äpfel', '日本', '\u{1f98c}', '\uffee', '%41', '"', '\\', '#?']

/** Puts everything below a record; its addresses there are the ones here, or this fails. */
async function putAll(kubo: Kubo, stock: Stock, record: string): Promise<void> {
  const cids = await Array.fromAsync(stock.blocksOf([CID.parse(record)]))
  for (const [codec, code] of Object.entries(CODECS)) {
    const some = cids.filter((cid) => cid.code === code)
    const put = await kubo.putBlocks(codec, await Promise.all(some.map((cid) => stock.get(cid))))
    assert.equal(put, some.map(String))
  }
}

test(
  'names, their order, links, empty and sharded directories',
  async (t) => {
    const folder = newFolder(t)
    const home = await newPublicHome(t, folder)
    const { path } = imageDirectory(join(folder, 'Ants'), { seed: 1, sizeBytes: 2_500_000 })
    mkdirSync(join(path, 'many'))
    for (let n = 0; n < SHARDED_NAMES; n++)
      writeFileSync(join(path, 'many', `${'agent of the colony, '.repeat(3)}${n}.st`), `method ${n % 100}`)
    mkdirSync(join(path, 'hard'))
    for (const name of HARD_NAMES) writeFileSync(join(path, 'hard', name), name)
    mkdirSync(join(path, 'hard', 'empty'))
    symlinkSync('../Ants.image', join(path, 'hard', 'latest image'))
    const { record } = await home.push(path)
    const kubo = await new Kubo(join(folder, 'kubo')).init()
    await putAll(kubo, home.stock, record)
    await kubo.text('get', '-o', join(folder, 'got'), `/ipfs/${record}/contents`)
    assert.equal(plainTree(join(folder, 'got')), plainTree(path))
    const { Links } = JSON.parse(await kubo.text('dag', 'get', `${record}/contents/hard`))
    const names = [...HARD_NAMES, 'empty', 'latest image']
    assert.equal(
      Links.map(({ Name }: { Name: string }) => Name),
      names.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
    )
    assert.is(
      await kubo.text('cat', `/ipfs/${record}/contents/many/${'agent of the colony, '.repeat(3)}4321.st`),
      'method 21',
    )
  },
  { skip: NO_KUBO, limitMs: 300_000 },
)
