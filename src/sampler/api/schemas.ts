/** What the API says and takes, as JSON Schema; the OpenAPI document is made of these. Keys are those of the records. */
import Type from 'typebox'
import { ROLES } from '../../home/tokens.ts'

const Text = Type.String()
const Flag = Type.Boolean()
const Count = Type.Integer({ minimum: 0 })

export const GlasIdText = Type.String({ pattern: '^[0-9a-f]{32}$', description: 'A glas-id.' })
export const RecordText = Type.String({ pattern: '^b[a-z2-7]{50,80}$', description: 'CID of the record of a version.' })

export const ErrorAnswer = Type.Object(
  {
    error: Type.Object({
      code: Type.String({ description: 'One of the table in docs/operating.md.' }),
      message: Text,
      retryable: Flag,
      data: Type.Record(Text, Type.Unknown()),
    }),
  },
  { description: 'What failed, on what, and what to do.' },
)

export const Holder = Type.Object({
  peer: Text,
  'peer-id': Text,
  proved: Type.Boolean({ description: 'It answered a challenge; false: it only says so.' }),
  connected: Flag,
})

export const Version = Type.Object({
  version: Text,
  record: RecordText,
  date: Text,
  size: Count,
  writer: Type.String({ description: 'The peer that published it.' }),
  tags: Type.Array(Text),
  note: Text,
  retracted: Flag,
  fork: Type.Boolean({ description: 'Another snapshot of the same version comes first.' }),
  here: Type.Boolean({ description: 'Kept here with all its bytes.' }),
  pins: Type.Array(Text, { description: 'Why it is kept here.' }),
  holders: Type.Array(Holder, { description: 'Other peers that have it.' }),
  'image-id': Type.Optional(Text),
  hostname: Type.Optional(Text),
  path: Type.Optional(Text),
  parent: Type.Optional(Type.Union([Text, Type.Null()], { description: 'Record of the version before.' })),
  forgetting: Type.Boolean({ description: 'It is about to be let go, and that can be undone.' }),
})

export const ListedGlas = Type.Object({
  'glas-id': GlasIdText,
  'image-name': Text,
  latest: Type.String({ description: 'Empty when every version was retracted.' }),
  versions: Count,
  date: Text,
  size: Count,
  writer: Text,
  own: Flag,
})
export const Glases = Type.Object({ glases: Type.Array(ListedGlas) })

export const Glas = Type.Object({
  'glas-id': GlasIdText,
  'image-name': Text,
  owner: Type.String({ description: 'Key in hex.' }),
  own: Flag,
  versions: Type.Array(Version, { description: 'The newest first.' }),
})

export const File = Type.Object({ path: Text, kind: Text, size: Count, mode: Text })

export const ShownVersion = Type.Object({
  'glas-id': GlasIdText,
  version: Text,
  hostname: Type.Optional(Text),
  path: Type.Optional(Text),
  'image-name': Text,
  date: Text,
  size: Count,
  'image-id': Text,
  contents: Text,
  attributes: Text,
  parent: Type.Union([Text, Type.Null()]),
  format: Type.Union([
    Type.Object({ number: Type.Integer(), 'word-size': Count, 'image-version': Type.Integer() }),
    Type.Null(),
  ]),
  profile: Text,
  removed: Type.Record(Text, Count, { description: 'Left out: rule -> number of files.' }),
  searched: Type.Object({ text: Type.Array(Text), not: Type.Array(Text), allowed: Count }),
  record: RecordText,
  writer: Text,
  tags: Type.Array(Text),
  note: Text,
  here: Flag,
  image: Type.Array(
    Type.Object({
      path: Text,
      'kept-as': Text,
      base: Type.Optional(Text),
      'delta-bytes': Type.Optional(Count),
      reason: Type.Optional(Text),
    }),
  ),
  pins: Type.Array(Text),
  holders: Type.Array(Holder),
})

export const Files = Type.Object({ files: Type.Array(File) })

export const Annotated = Type.Object({ 'glas-id': GlasIdText, 'image-name': Text, version: Text, record: RecordText })

export const Pinned = Type.Object({ 'image-name': Text, version: Text, record: RecordText, reasons: Type.Array(Text) })

export const Forgetting = Type.Object({
  ...Annotated.properties,
  'undo-seconds': Type.Number({ minimum: 0, description: 'So long it can be undone; then it is let go.' }),
})

export const Tap = Type.Object({
  id: Type.String({ pattern: '^[0-9a-f]{16}(-s)?$' }),
  host: Text,
  path: Text,
  name: Text,
  'image-id': Text,
  'glas-id': Type.Union([GlasIdText, Type.Null()]),
  known: Type.Boolean({ description: 'False for one without a token: its snapshots wait in quarantine.' }),
})
export const Taps = Type.Object({ taps: Type.Array(Tap) })

export const TransferAnswer = Type.Object({
  id: Text,
  kind: Type.String({ description: 'snapshot, beam, or the verb that moves bytes.' }),
  label: Text,
  'glas-id': Type.Union([GlasIdText, Type.Null()]),
  tap: Type.String({ description: 'Id of a tap, or empty.' }),
  state: Type.Enum(['running', 'done', 'failed']),
  phase: Text,
  'done-bytes': Count,
  'total-bytes': Type.Union([Count, Type.Null()]),
  'bytes-per-second': Type.Number({ minimum: 0 }),
  'started-at': Text,
  made: Type.Union([
    Type.Object({ 'glas-id': GlasIdText, version: Text, record: RecordText, 'image-name': Text }),
    Type.Null(),
  ]),
  error: Type.Union([Type.Object({ code: Text, message: Text }), Type.Null()]),
})
export const TransfersAnswer = Type.Object({ transfers: Type.Array(TransferAnswer) })

export const Peer = Type.Object({
  name: Text,
  'peer-id': Text,
  connected: Flag,
  self: Flag,
})

export const CallerAnswer = Type.Object({
  name: Text,
  role: Type.Enum([...ROLES]),
  glases: Type.Union([Type.Array(GlasIdText), Type.Null()], { description: 'The only ones it sees; null for all.' }),
})

export const Status = Type.Object({
  name: Type.String({ description: 'What this machine is called.' }),
  version: Type.String({ description: 'Of the program.' }),
  caller: CallerAnswer,
  glases: Count,
  versions: Count,
  stock: Type.Union(
    [
      Type.Object({
        bytes: Type.Integer({ minimum: 0, description: 'On the disk.' }),
        'raw-bytes': Type.Integer({ minimum: 0, description: 'Of all blocks as they are.' }),
        'free-bytes': Type.Integer({ minimum: 0, description: 'Left on the disk.' }),
        'quota-bytes': Type.Union([Count, Type.Null()], { description: 'Smallest of the follow rules; null: none.' }),
        pins: Count,
      }),
      Type.Null(),
    ],
    { description: 'Null for who is limited to some glases; so is the list of peers empty.' },
  ),
  peers: Type.Array(Peer),
})
