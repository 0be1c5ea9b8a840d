import { createHash } from 'node:crypto'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { MAX_FINDINGS, SecretSearch, secretFound } from '../../../src/image/secrets.ts'
import type { PlannedFile } from '../../../src/image/text-kinds.ts'
import { test } from '../../harness.ts'
import { collect } from './fixture.ts'

// Put together from halves, so that nobody who searches this file takes them for real ones.
const GITHUB = `ghp_${'aB3dE6gH9'.repeat(4)}`
const KEY_LINE = 'MIIEpAIBAAKCAQEA7bq0cXk2Zt8JmVw1'

function fileOf(path: string, sizeBytes: number, broughtBack = false): PlannedFile {
  const role = path.endsWith('.changes') ? 'changes' : path.endsWith('.sources') ? 'sources' : 'other'
  return { path, sizeBytes, role: path === 'Sim.image' ? 'image' : role, broughtBack }
}

async function search(
  path: string,
  content: string | Buffer,
  options: { cuts?: number[]; broughtBack?: boolean } = {},
) {
  const bytes = Buffer.from(content)
  const ends = [...(options.cuts ?? []).toSorted((a, b) => a - b), bytes.length]
  async function* pieces() {
    let start = 0
    for (const end of ends) {
      yield bytes.subarray(start, end)
      start = end
    }
  }
  const secrets = new SecretSearch()
  const passed = await collect(secrets.tap(fileOf(path, bytes.length, options.broughtBack), pieces()))
  assert.ok(Buffer.concat(passed).equals(bytes), 'the bytes pass unchanged')
  return secrets
}

async function kindsIn(path: string, content: string | Buffer, broughtBack = false): Promise<string[]> {
  return (await search(path, content, { broughtBack })).findings.map(({ kind }) => kind)
}

test('known tokens are found in .changes, .st, .ston, .ombu, .ph, JSON and other text', async () => {
  const tokens: Array<[kind: string, token: string]> = [
    ['GitHub token', GITHUB],
    ['GitHub token', `github_pat_${'11ABC_def'.repeat(4)}`],
    ['GitLab token', `glpat-${'x1Y2z3W4v5'.repeat(2)}`],
    ['Atlassian token', `ATBB${'a1B2c3D4'.repeat(4)}`],
    ['Atlassian token', `ATATT3${'xFfGF0a1B2c3D4'.repeat(4)}=1A2B3C4D`],
    ['package registry token', `npm_${'a1B2c3D4e5F6'.repeat(3)}`],
    ['package registry token', `pypi-AgEI${'cHlwaS5vcmc'.repeat(6)}`],
    ['AWS key', `AKIA${'Z7QRSTUV2WXYABCD'}`],
    ['AWS key', `aws_secret_access_key = ${'wJalrXUtnFEMI/K7MDENG/bPxRfiCYzz12345678'}`],
    ['Google key', `AIza${'SyA1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q'}`],
    ['Slack token', `xoxb-${'123456789012-abcdefABCDEF'}`],
    ['Stripe key', `sk_live_${'4eC39HqLyjWDarjtT1zdp7dc'}`],
    ['API key', `sk-${'proj-a1B2c3D4e5F6g7H8i9J0'}`],
    ['JSON web token', `eyJ${'hbGciOiJIUzI1NiJ9'}.eyJ${'pc3MiOiJqb2UiLCJleHAiOjEzMDA4MTkzODB9'}.sig`],
    ['private key', `-----BEGIN RSA PRIVATE KEY-----\n${KEY_LINE}`],
    ['private key', `-----BEGIN OPENSSH PRIVATE KEY-----\\n${KEY_LINE}`],
    ['password in a URL', 'https://alice:Tr0ub4dor@smalltalk.example/x'],
    ['token in a URL', 'https://a1b2c3d4e5f6a7b8c9d0@github.com/x/y'],
    ['HTTP authorization', "'Authorization' -> 'Basic YWxpY2U6VHIwdWI0ZG9y'"],
    ['HTTP authorization', 'PRIVATE-TOKEN: a1b2c3d4e5f6a7b8c9d0'],
  ]
  for (const [kind, token] of tokens) {
    for (const path of [
      'Sim.changes',
      'startup.st',
      'a.ston',
      'a.ombu',
      'play-cache/x.ph',
      'a.json',
      'notes.txt',
      'README',
    ]) {
      assert.equal(await kindsIn(path, `!Foo bar!\r\r ${token} \r`), [kind], `${kind} in ${path}`)
    }
  }
})

test('passwords beside their names are found in what was typed, in Smalltalk, STON, JSON and Epicea logs', async () => {
  const typed: Array<[path: string, text: string]> = [
    ['Sim.changes', "MCHttpRepository location: 'x' user: 'me' password: 'Geheim!!123'"],
    ['Sim.changes', "IceTokenCredentials new token: 'f00ba7b4z9'"],
    ['Sim.changes', "password := 'kaffeekanne'"],
    ['Sim.changes', "MCGitHubRepository siteUsername: 'me' sitePassword: 'o9vv-xw'"],
    ['pharo-local/ombu-sessions/a.ombu', "#expression:'repo user: \\'me\\' password: \\'Geheim123\\''"],
    ['meta-inf.ston', "#password : 'Geheim123'"],
    ['config.json', '{"apiKey": "o9vv-xw-77"}'],
    ['config.json', '{"client_secret" : "o9vv-xw-77"}'],
  ]
  for (const [path, text] of typed) assert.equal(await kindsIn(path, text), ['password or token'], text)
})

test('settings of git: any password or token in a URL, and headers, also in its logs', async () => {
  for (const [path, text, kind] of [
    ['.git/config', '[remote "o"]\n\turl = https://me:x@github.com/a/b', 'password in a URL'],
    ['.git/config', '\turl = https://oauth2:password@gitlab.com/a/b', 'password in a URL'],
    ['a/b/.git/modules/c/config', `\turl = https://${'a1b2'.repeat(10)}@github.com/a/b`, 'token in a URL'],
    ['.git/config', '\textraheader = AUTHORIZATION: basic secretsecret', 'HTTP authorization'],
    ['.git/logs/HEAD', 'clone: from https://me:geheim@host/x', 'password in a URL'],
    ['.git/FETCH_HEAD', "branch 'main' of https://me:geheim@host/x", 'password in a URL'],
    ['.gitmodules', '\turl = https://me:geheim@host/x', 'password in a URL'],
  ] as const) {
    assert.equal(await kindsIn(`pharo-local/iceberg/o/p/${path}`, text), [kind], text)
  }
  assert.equal(await kindsIn('.git/config', '\turl = ssh://git@github.com/a/b\n\turl = git@github.com:a/b'), [])
})

test('examples and ordinary code are no findings', async () => {
  const harmless = [
    "password: 'secret'",
    "username: 'john' password: 'trustno1'",
    "password: ''",
    "password: 'xxxxxxxx'",
    "password: '********'",
    "password: 'your-token-here'",
    "token: '$TOKEN_OF_CI'",
    'password: aString',
    'http://user:password@host/',
    'https://{user}:{password}@host',
    'http://localhost:8080/x?y=a@b',
    'Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==',
    'AKIAIOSFODNN7EXAMPLE',
    'a task-with-a-rather-long-name-of-many-words',
    'sk-with-a-rather-long-name-of-many-words',
    '-----BEGIN PRIVATE KEY-----',
    'tokens := scanner scanTokens: source',
    "RBScanner tokenStart: 5. 'token'",
    '0123456789abcdef0123456789abcdef01234567',
    'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIn0.x',
  ]
  for (const text of harmless) assert.equal(await kindsIn('Sim.changes', `\r${text}\r`), [], text)
})

test('source of a clone is searched for tokens, but not for passwords beside names: tests are full of them', async () => {
  const path = 'pharo-local/iceberg/org/project/src/Zinc-Tests/ZnTest.class.st'
  assert.equal(await kindsIn(path, "password: 'Geheim!!123'"), [])
  assert.equal(await kindsIn(path, `token: '${GITHUB}'`), ['GitHub token'])
})

test('a Fuel file with the credential classes of Iceberg is found whatever its name, across pieces too', async () => {
  const fuel = Buffer.concat([
    Buffer.from('FUEL\0\0\x01'),
    Buffer.alloc(3000, 1),
    Buffer.from('\x18IceTokenCredentials\x04host'),
  ])
  for (const path of ['renamed.bin', 'pharo-local/iceberg/credentials.fuel', 'x.st']) {
    assert.equal((await search(path, fuel)).findings, [
      { path, offset: 0, kind: 'credentials of Iceberg', shown: 'the whole file' },
    ])
  }
  assert.is((await search('renamed.bin', fuel, { cuts: [100, 3010, 3020] })).findings.length, 1)
  assert.equal(await kindsIn('other.fuel', Buffer.from('FUEL\0 OrderedCollection')), [])
})

test('what a line of .pintglasignore brought back is searched as settings, whatever its name', async () => {
  const back: Array<[path: string, text: string]> = [
    ['.netrc', 'machine github.com login me password Geheim123'],
    ['.npmrc', '//registry.example/:_authToken=0123abcd'],
    ['.docker/config.json', '{"auths":{"x":{"auth": "YWxpY2U6VHIwdWI0ZG9y"}}}'],
    ['.env', 'export DB_PASSWORD=o9vv-xw'],
    ['id_ed25519', `-----BEGIN OPENSSH PRIVATE KEY-----\n${KEY_LINE}`],
    ['mcSettings', 'account1: *squeaksource.com* me:Geheim123'],
    ['.git-credentials', 'https://me:geheim@github.com'],
  ]
  for (const [path, text] of back) assert.is((await kindsIn(path, text, true)).length, 1, path)
})

test('a finding names file, byte, kind, length and the beginning of a hash, never the secret', async () => {
  const { findings } = await search('Sim.changes', `é12345 ${GITHUB} and password: 'Geheim!!123'`)
  const hash = createHash('sha256').update(GITHUB).digest('hex').slice(0, 8)
  assert.equal(findings[0], {
    path: 'Sim.changes',
    offset: 8,
    kind: 'GitHub token',
    shown: `40 characters, SHA-256 ${hash}...`,
  })
  const error = secretFound(findings, 3)
  const text = JSON.stringify([error.message, error.data, findings])
  assert.not.match(text, GITHUB)
  assert.not.match(text, 'Geheim')
  assert.match(error.message, 'GitHub token in "Sim.changes" at byte 8')
  assert.match(error.message, 'and 3 more')
  assert.is(error.code, 'SecretFound')
})

test('the summary says which kinds of content were searched and which were not', async () => {
  const secrets = new SecretSearch()
  const files: Array<[path: string, content: string]> = [
    ['Sim.image', 'x'],
    ['Sim.changes', 'x'],
    ['A.sources', `token: ${GITHUB}`],
    ['a.mcz', 'PK'],
    ['.git/objects/ab/cd', 'x'],
    ['.git/index', 'DIRC'],
    ['.git/HEAD', 'ref: x'],
    ['plot.png', '\x89PNG\0'],
    ['nohup.out', 'hello'],
  ]
  for (const [path, content] of files) {
    const bytes = Buffer.from(content)
    await collect(
      secrets.tap(
        fileOf(path, bytes.length),
        (async function* () {
          yield bytes
        })(),
      ),
    )
  }
  assert.equal(secrets.findings, [])
  assert.equal(secrets.searched, {
    text: ['.changes', 'git settings and logs', 'other text'],
    not: ['archives', 'git objects', 'heap', 'other binary files', 'released sources'],
  })
})

test('a file that is given up in the middle adds nothing, and may be read again', async () => {
  const secrets = new SecretSearch()
  async function* chunks() {
    yield Buffer.from(GITHUB)
    yield Buffer.from('more')
  }
  for await (const _ of secrets.tap(fileOf('Sim.changes', 44), chunks())) break
  assert.equal([secrets.findings, secrets.searched.text], [[], []])
  await collect(secrets.tap(fileOf('Sim.changes', 44), chunks()))
  assert.is(secrets.findings.length, 1)
})

test('findings are limited, and the rest is counted', async () => {
  const secrets = new SecretSearch()
  const bytes = Buffer.from(`${GITHUB} `.repeat(150))
  for (let file = 0; file < 6; file++) {
    await collect(
      secrets.tap(
        fileOf(`${file}.st`, bytes.length),
        (async function* () {
          yield bytes
        })(),
      ),
    )
  }
  assert.is(secrets.findings.length, MAX_FINDINGS)
  assert.is(secrets.findings.length + secrets.overlooked, 6 * 150)
})

test('where a stream is cut into pieces makes no difference', async () => {
  const piece = fc.constantFrom(
    GITHUB,
    ` ${GITHUB} `,
    "password: 'Geheim!!123' ",
    'https://me:geheim12@host ',
    'x'.repeat(700),
    `-----BEGIN RSA PRIVATE KEY-----\n${KEY_LINE}`,
    '\r',
    "token: '",
    'eyJhbGciOi.',
    `secret = ${'a1'.repeat(20)}`,
  )
  const text = fc.array(piece, { maxLength: 25 }).map((pieces) => pieces.join(''))
  await fc.assert(
    fc.asyncProperty(text, fc.array(fc.nat(12_000), { maxLength: 8 }), async (content, cuts) => {
      const whole = await search('Sim.changes', content)
      const cut = await search('Sim.changes', content, { cuts: cuts.map((at) => at % (content.length + 1)) })
      assert.equal(cut.findings, whole.findings)
    }),
    { numRuns: 150, seed: 11 },
  )
})
