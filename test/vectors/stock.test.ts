/** The examples of docs/formats-stock.md, byte by byte. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { realFiles } from '../../src/disk/files.ts'
import { createLog } from '../../src/disk/log.ts'
import { decodeManifest, encodeManifest } from '../../src/disk/manifest.ts'
import { cidOf, RAW_CODE } from '../../src/stock/cid.ts'
import { CODEC_RAW } from '../../src/stock/codec.ts'
import type { TreeEntry } from '../../src/stock/dag-directory.ts'
import { addDirectory } from '../../src/stock/dag-directory.ts'
import { addFile, FILE_LEAF_BYTES, IMAGE_LEAF_BYTES } from '../../src/stock/dag-file.ts'
import { decodeFrameHeader, encodeFrameHeader } from '../../src/stock/frame.ts'
import { temporaryFolder } from '../disk/fixture.ts'
import { test } from '../harness.ts'
import { inChunks, MemoryBlocks } from '../unit/stock/memory-blocks.ts'

const hello = Buffer.from('hello\n')
const HELLO = 'bafkreicysg23kiwv34eg2d7qweipxwosdo2py4ldv42nbauguluen5v6am'
const FRAME_HEADER =
  '5047465201002400060000000600000020303a36015512205891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be030bea6e3c'
const LOG = '50474c4f470000011a000000f5a57e7f7b2270696e223a2278222c22726561736f6e223a226f776e227d'
const MANIFEST = `{"format":1,"epoch":7,"claim":false,"files":{"packs/7-1.pack":1234,"pins/7-2.log":42}}
c046c52b
`

test('the manifest of the format description', () => {
  const files = new Map([
    ['packs/7-1.pack', 1234],
    ['pins/7-2.log', 42],
  ])
  assert.is(Buffer.from(encodeManifest({ epoch: 7, claim: false, files })).toString(), MANIFEST)
  assert.equal(decodeManifest(Buffer.from(MANIFEST), 'manifest.7').files, files)
})

test('the log of the format description', async (t) => {
  const path = join(await temporaryFolder(t), '1-1.log')
  const log = await createLog(realFiles, path)
  log.append(Buffer.from('{"pin":"x","reason":"own"}'))
  await log.flush()
  await log.close()
  assert.is((await readFile(path)).toString('hex'), LOG)
})

test('the frame of the format description', () => {
  const cid = cidOf(RAW_CODE, hello)
  assert.is(cid.toString(), HELLO)
  const header = encodeFrameHeader(cid, { codec: CODEC_RAW, rawLength: hello.length, stored: hello })
  assert.is(Buffer.from(header).toString('hex'), FRAME_HEADER)
  const decoded = decodeFrameHeader(Buffer.from(FRAME_HEADER, 'hex'))
  assert.is(decoded?.cid.toString(), HELLO)
  assert.is(decoded?.storedLength, 6)
})

test('the files and directories of the format description', async () => {
  const blocks = new MemoryBlocks()
  const add = async (bytes: Uint8Array, leafBytes: number) => {
    const file = await addFile(blocks, inChunks(bytes, 9999), { leafBytes })
    return { kind: 'file' as const, ...file }
  }
  const small = await add(hello, FILE_LEAF_BYTES)
  const big = await add(Buffer.alloc(150_000, 'pintglas'), FILE_LEAF_BYTES)
  const image = await add(Buffer.alloc(3_145_729, 'image'), IMAGE_LEAF_BYTES)
  const tree = new Map<string, TreeEntry>([
    ['big', big],
    ['hello', small],
    ['link', { kind: 'symlink', target: 'hello' }],
    ['empty', { kind: 'directory', entries: new Map() }],
  ])
  const many = new Map(Array.from({ length: 6000 }, (_, i) => [`entry ${i}`, small]))
  const cids = [small, big, image, await addDirectory(blocks, tree), await addDirectory(blocks, many)]
  assert.equal(
    cids.map(({ cid }) => cid.toString()),
    [
      HELLO,
      'bafybeibbbrki4nt7utyrsugfojwdxo43o6lnak43umn5fraqn3bfaigusy',
      'bafybeifuvkthxlnoiuvd5jpyqpofs5jqbrl6ppcdb5v544k5pmrwqqnvim',
      'bafybeicio2fg56qjieya5igipmen3v37u2mcegijfjy4oednpxmoiwyxsq',
      'bafybeidvd5klzbkcsjo2vrs3zhzpxncp4gsoo3jzm2otprnc646ukv3mii',
    ],
  )
})
