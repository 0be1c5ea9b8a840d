import { execFileSync, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { ERROR_CODES, ERROR_KINDS, type ErrorCode } from '../../src/glas/errors.ts'
import { bad, good, run } from '../cli/process.ts'
import { type Random, seededRandom } from '../gen/random.ts'
import { test } from '../harness.ts'
import { newFolder } from '../home-peer.ts'
import { until } from '../loopback.ts'
import { Api, bearing } from '../tap/api.ts'
import { ask, memoryOf, newImage, newSampler } from '../tap/sampler-process.ts'

const isLinux = process.platform === 'linux'
const isRoot = process.getuid?.() === 0
const NOBODY = 65_534
const PATIENCE_MS = 30_000
/** Garbage that was not collected yet counts, as in the frames of Taps; what piled up would need more. */
const MAX_GROWN_BYTES = 250e6
const SEED = 20_261_124
const FUZZED = 1000
const AT_ONCE = 20

/** On every answer, whoever asked and whatever came of it. */
function assertSafe(headers: Record<string, unknown>): void {
  assert.match(String(headers['content-security-policy']), /default-src 'none'.*frame-ancestors 'none'/)
  assert.not.match(String(headers['content-security-policy']), /unsafe|\*/)
  assert.equal(
    ['x-content-type-options', 'referrer-policy', 'cross-origin-resource-policy', 'cross-origin-opener-policy'].map(
      (name) => headers[name],
    ),
    ['nosniff', 'no-referrer', 'same-origin', 'same-origin'],
  )
  assert.equal([headers['set-cookie'], headers['access-control-allow-origin']], [undefined, undefined])
}

test(
  'a foreign page, a rebound name and an unnamed proxy get nothing of the API, and every answer has strict headers',
  async (t) => {
    const { url, home } = await newSampler(t)
    const { record } = await good(t, home, 'push', newImage(t).path)
    const { port } = new URL(url)
    const strangers: Record<string, string>[] = [
      { host: `evil.example:${port}` },
      { origin: 'http://evil.example' },
      { origin: 'null' },
      { origin: `http://localhost:${Number(port) + 1}` },
      { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' },
      { 'x-forwarded-for': '127.0.0.1' },
      { forwarded: 'for=127.0.0.1' },
    ]
    const asked: Array<[string, string]> = [
      ['GET', '/api/v1/status'],
      ['GET', '/api/v1/events'],
      ['GET', '/api/v1/openapi.json'],
      ['GET', '/api/v1/no/such'],
      ['POST', '/api/v1/session'],
      ['POST', `/api/v1/versions/${record}/forget`],
      ['GET', '/metrics'],
      ['GET', '/'],
      ['OPTIONS', '/api/v1/status'],
    ]
    for (const headers of strangers) {
      for (const [method, path] of asked) {
        const body = method === 'POST' ? '{"here":true,"code":"x"}' : ''
        const sent = body === '' ? headers : { ...headers, 'content-type': 'application/json' }
        const answer = await ask(url, path, { method, headers: sent, body })
        assert.is(answer.status, 403, `${method} ${path} ${JSON.stringify(headers)}`)
        assertSafe(answer.headers)
      }
    }
    for (const path of [
      '/healthz',
      '/',
      '/api/v1/status',
      '/nowhere',
      '/api/v1/nowhere',
      '/taps',
      '/metrics',
      '/%ZZ',
    ]) {
      assertSafe((await ask(url, path)).headers)
    }
    const api = await Api.of(url)
    assert.is((await api.good(`/versions/${record}`)).pins.length, 1)
    const metrics = await ask(url, '/metrics')
    assert.match(String(metrics.headers['content-type']), 'version=0.0.4')
    for (const line of [
      'pintglas_versions 1',
      'pintglas_taps 0',
      'pintglas_members 1',
      'pintglas_event_loop_delay_seconds{',
    ]) {
      assert.ok(metrics.text.includes(`\n${line}`), line)
    }
    assert.ok(metrics.text.split('\n').every((line) => /^(|#.*|[a-z_]+(\{[^{}]*\})? [\d.e+-]+)$/.test(line)))
  },
  { skip: isLinux ? undefined : 'only Linux tells whose socket it is' },
)

test('no GET changes anything: routes that do are POST or DELETE, and take JSON alone', async (t) => {
  const { url } = await newSampler(t)
  const { document } = await Api.of(url)
  for (const [path, entry] of Object.entries<Record<string, { requestBody?: { content: object } }>>(document.paths)) {
    assert.ok(
      Object.keys(entry).every((method) => ['get', 'post', 'delete'].includes(method)),
      path,
    )
    assert.is(entry.get?.requestBody, undefined)
    if (entry.post?.requestBody) assert.equal(Object.keys(entry.post.requestBody.content), ['application/json'])
  }
})

test(
  "another user's process gets nothing of the API, not even by a link that it has seen",
  async (t) => {
    const { url, home, said } = await newSampler(t)
    const { port } = new URL(url)
    const { url: link } = await good(t, home, 'open', '--print')
    const code = link.split('#code=')[1]
    const body = JSON.stringify({ code })
    const post = `Content-Type: application/json\\r\\nContent-Length: ${body.length}\\r\\n\\r\\n${body.replaceAll('"', '\\"')}`
    const script = `
      ask() { exec 3<>/dev/tcp/127.0.0.1/${port}; printf "$1 HTTP/1.1\\r\\nHost: localhost:${port}\\r\\n$2" >&3; read -r first <&3; echo "\${first:9:3}"; exec 3>&-; }
      for path in status glases taps events openapi.json tokens quarantine; do ask "GET /api/v1/$path" '\\r\\n'; done
      ask 'GET /metrics' '\\r\\n'
      ask 'GET /launcher-bottles' '\\r\\n'
      ask 'POST /api/v1/session' "${post}"`
    const options = { uid: NOBODY, gid: NOBODY, cwd: '/', encoding: 'utf8' } as const
    const answers = execFileSync('/bin/bash', ['-c', script], options).trim().split('\n')
    assert.equal(answers, Array(10).fill('401'))
    await until(() => said().includes(`A wrong sign-in from user ${NOBODY}`), PATIENCE_MS)
    const { token } = await good(t, home, 'token', 'add', 'lent', '--role', 'viewer')
    const lent = `
      exec 3<>/dev/tcp/127.0.0.1/${port}; printf "GET /api/v1/status HTTP/1.1\\r\\nHost: localhost:${port}\\r\\nAuthorization: Bearer ${token}\\r\\n\\r\\n" >&3
      read -r first <&3; echo "\${first:9:3}"`
    assert.is(execFileSync('/bin/bash', ['-c', lent], options).trim(), '200')
  },
  { skip: isRoot && isLinux ? undefined : 'only root can become another user' },
)

test(
  'with a certificate the daemon listens for other machines, over TLS alone',
  async (t) => {
    const folder = newFolder(t)
    const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
    const subject = ['-subj', '/CN=localhost', '-days', '2', '-keyout', key, '-out', cert]
    execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', ...subject], { stdio: 'ignore' })
    const home = newFolder(t)
    assert.is((await bad(t, home, 'config', 'http', '0.0.0.0:0')).code, 'InvalidConfig')
    for (const [setting, value] of Object.entries({ httpCert: cert, httpKey: key, http: '0.0.0.0:0' })) {
      await good(t, home, 'config', setting, value)
    }
    await good(t, home, 'config', 'httpHosts', '["images.example.org"]')
    const { url } = await newSampler(t, home)
    assert.match(url, /^https:\/\/localhost:\d+\/$/)
    assert.is((await ask(url, '/api/v1/status')).status, 200)
    const { port } = new URL(url)
    const { token } = await good(t, home, 'token', 'add', 'far', '--role', 'viewer')
    const named = { host: `images.example.org:${port}` }
    assert.is((await ask(url, '/api/v1/status', { headers: named })).status, 401)
    assert.is((await ask(url, '/api/v1/status', { headers: { ...named, ...bearing(token) } })).status, 200)
    const ours = { ...named, ...bearing(token), origin: `https://images.example.org:${port}` }
    assert.is((await ask(url, '/api/v1/status', { headers: ours })).status, 200)
    assert.is(
      (await ask(url, '/api/v1/status', { headers: { ...ours, origin: `http://images.example.org:${port}` } })).status,
      403,
    )
    assert.is(await ask(url.replace('https', 'http'), '/healthz').catch(() => 'no answer'), 'no answer')
    assert.match((await good(t, home, 'open', '--print')).url, 'https://images.example.org/#code=')
    const wrong = newFolder(t)
    await good(t, wrong, 'config', 'httpCert', key)
    await good(t, wrong, 'config', 'httpKey', key)
    assert.is((await bad(t, wrong, 'daemon')).code, 'InvalidConfig')
  },
  { skip: spawnSync('openssl', ['version']).status === 0 ? undefined : 'needs openssl, which makes certificates' },
)

test(
  '1,000 fuzzed requests end with a code of the table, and nothing piles up in memory',
  async (t) => {
    const sampler = await newSampler(t)
    const { record, 'glas-id': glasId } = await good(t, sampler.home, 'push', newImage(t).path)
    const api = await Api.of(sampler.url)
    const templates = Object.keys(api.document.paths)
    const random = seededRandom(SEED)
    const before = memoryOf(sampler.child).nowBytes
    for (let round = 0; round < FUZZED / AT_ONCE; round++) {
      const requests = Array.from({ length: AT_ONCE }, () => fuzzed(random, templates, { record, glasId }))
      await Promise.all(requests.map((text) => assertRefused(sampler.url, text)))
    }
    const grownBytes = memoryOf(sampler.child).nowBytes - before
    assert.ok(grownBytes < MAX_GROWN_BYTES, `memory grew by ${grownBytes} bytes`)
    const { versions } = await api.good(`/glases/${glasId}`)
    assert.equal([versions.length, versions[0].tags, versions[0].pins], [1, [], ['own']])
    assert.is((await run(t, sampler.home, 'token', 'ls')).json.tokens.length, 0)
  },
  { limitMs: 180_000 },
)

/** A request that no route takes as it is: something in it is always wrong. */
function fuzzed(random: Random, templates: string[], known: { record: string; glasId: string }): string {
  const junk = () => encodeURIComponent(randomBytes(1 + random.below(40)).toString('latin1'))
  const path = random.pick(templates).replace(/\{(\w+)\}/g, (_, name: string) => {
    if (random.below(3) > 0) return junk()
    return name === 'record' ? known.record : name === 'glasId' ? known.glasId : '0'.repeat(16)
  })
  const bodies = [
    '',
    '[',
    'null',
    '[]',
    '"x"',
    '{"tag":null}',
    '{"code":5}',
    '{"here":"yes","force":1,"text":[]}',
    '{"__proto__":{}}',
  ]
  const body = random.pick([
    ...bodies,
    '['.repeat(30_000),
    `{"note":"${'x'.repeat(60_000)}"}`,
    randomBytes(200).toString('latin1'),
  ])
  const types = [
    'application/json',
    'application/json; charset=utf-16',
    'text/plain',
    'multipart/form-data',
    '',
    'application/json;;;',
  ]
  const method = random.pick(['POST', 'PUT', 'PATCH', 'DELETE', 'TRACE', 'POST', 'get', '\0'])
  const line = `${method} ${path}${random.pick(['', '?', `?${junk()}=${junk()}`])} HTTP/1.1\r\n`
  const lengths = [Buffer.byteLength(body, 'latin1'), 10 ** 15, -1, 'x']
  const length = random.below(4) > 0 ? lengths[0] : random.pick(lengths)
  const extra = random.pick([
    '',
    `Authorization: ${junk()}\r\n`,
    'Authorization: Bearer \r\n',
    `X: ${'y'.repeat(70_000)}\r\n`,
    'Transfer-Encoding: chunked\r\n',
    'Expect: x\r\n',
  ])
  return `${line}Host: HOST\r\nConnection: close\r\nContent-Type: ${random.pick(types)}\r\n${extra}Content-Length: ${length}\r\n\r\n${body}`
}

/** What has no answer was cut off, which a request that never ends is, too. */
async function assertRefused(url: string, text: string): Promise<void> {
  const { host, port, hostname } = new URL(url)
  const socket = connect(Number(port), hostname)
  socket.on('error', () => {})
  socket.end(Buffer.from(text.replace('HOST', host), 'latin1'))
  const chunks: Buffer[] = []
  for await (const chunk of socket as AsyncIterable<Buffer>) chunks.push(chunk)
  const answer = Buffer.concat(chunks).toString('latin1')
  if (answer === '') return
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1])
  const error = JSON.parse(/\{.*\}/s.exec(answer)?.[0] ?? '{}').error
  assert.ok(error?.code in ERROR_CODES, `${JSON.stringify(text.slice(0, 300))}: ${answer}`)
  assert.is(ERROR_KINDS[ERROR_CODES[error.code as ErrorCode]].http, status)
  assert.ok(status >= 400 && status < 500, `${JSON.stringify(text.slice(0, 300))}: ${answer}`)
}
