/** The examples of docs/formats-stock.md, byte by byte. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { realFiles } from '../../src/disk/files.ts'
import { createLog } from '../../src/disk/log.ts'
import { decodeManifest, encodeManifest } from '../../src/disk/manifest.ts'
import { cidOf, digestOf, RAW_CODE } from '../../src/stock/cid.ts'
import { CODEC_RAW } from '../../src/stock/codec.ts'
import type { TreeEntry } from '../../src/stock/dag-directory.ts'
import { addDirectory } from '../../src/stock/dag-directory.ts'
import { addFile, FILE_LEAF_BYTES, IMAGE_LEAF_BYTES } from '../../src/stock/dag-file.ts'
import { decodeDeltaFrame, encodeDeltaFrame, nodesOf } from '../../src/stock/delta-frame.ts'
import { decodeFrameHeader, encodeFrameHeader, FRAME_HEADER_BYTES } from '../../src/stock/frame.ts'
import { temporaryFolder } from '../disk/fixture.ts'
import { test } from '../harness.ts'
import { inChunks, MemoryBlocks } from '../unit/stock/memory-blocks.ts'

const hello = Buffer.from('hello\n')
const HELLO = 'bafkreicysg23kiwv34eg2d7qweipxwosdo2py4ldv42nbauguluen5v6am'
const FRAME_HEADER =
  '5047465201002400060000000600000020303a36015512205891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be030bea6e3c'
const DELTA_ROOTS = [
  'bafybeib6qcwpbgb3v7quzmkuraedywgklyhvvqeaj3dev6naobwe2xf4l4',
  'bafybeihqvyesvn63xv7nxhwfkvpuhaep4jpkmh5usxdxmroeam4c6xwumu',
]
const DELTA_FRAME =
  '504746520201240063000000ae000000744c354a01701220f0ae092ab7dbbd7edb9ec5555f43808fe25ea61fb495c77645c403382f5ed4654916c5de' +
  '017012203e80acf0983bafe14cb15488083c58ca5e0f5ac0804ec64af9a0706c4d5cbc5f4000000080551e188878fcf2583ca28e935f78c6487d2949d1ea938ff349079dc87bc9fa0f79390a992b9b0967b7e53d7008f0214d2a182069874af85eaaa7ac3841dcd250474844010800616301020a804001020a80800118060228b52ffda02300000019010038000000000000006c69746572616c732a000000000000002e2e2e0000040204060701'
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

test('the frame of a delta of the format description', async () => {
  const examples = await readFile(join(import.meta.dirname, '../../docs/formats-delta.md'), 'utf8')
  const example = (name: string) => Buffer.from(new RegExp(`${name}: ([0-9a-f]+)`).exec(examples)?.[1] ?? '', 'hex')
  const shapeOf = (bytes: Uint8Array) => {
    const leaves = [bytes.subarray(0, 64), bytes.subarray(64)]
    const digests = Buffer.concat(leaves.map((leaf) => digestOf(cidOf(RAW_CODE, leaf))))
    return { sizeBytes: bytes.length, leafBytes: 64, digests }
  }
  const { root: base } = await nodesOf(shapeOf(example('wide-base')))
  const shape = shapeOf(example('wide-image'))
  const { root } = await nodesOf(shape)
  assert.equal([String(base), String(root)], DELTA_ROOTS)
  const image = { root, base, ...shape, delta: example('wide-delta') }
  assert.is(Buffer.concat(encodeDeltaFrame(image)).toString('hex'), DELTA_FRAME)
  const frame = Buffer.from(DELTA_FRAME, 'hex')
  const header = decodeFrameHeader(frame)
  assert.ok(header?.kind === 'delta')
  const decoded = await decodeDeltaFrame(header, frame.subarray(FRAME_HEADER_BYTES))
  assert.ok(decoded?.base.equals(base) && Buffer.from(decoded.delta).equals(image.delta))
})
