import { statfs } from 'node:fs/promises'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { FastifyInstance } from 'fastify'
import { programVersion } from '../glas/program-version.ts'
import { stockFolder } from '../home/home.ts'
import type { SamplerParts } from './parts.ts'

/** The text format of Prometheus, version 0.0.4. */
const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'
/** How fine the delay of the event loop is measured. */
const LOOP_RESOLUTION_MS = 20
const NS_PER_SECOND = 1e9

type Kind = 'gauge' | 'counter'
type Sample = { labels?: Record<string, string>; value: number }

/** `/metrics`, for whoever sees the whole home. */
export function addMetricsRoute(app: FastifyInstance, parts: SamplerParts): void {
  const delay = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS })
  delay.enable()
  app.addHook('onClose', async () => void delay.disable())
  const answers = new Map<number, number>()
  app.addHook('onResponse', async (_request, { statusCode }) => {
    answers.set(statusCode, (answers.get(statusCode) ?? 0) + 1)
  })
  app.get('/metrics', { config: { role: 'viewer', wholeHome: true } }, async (_request, reply) => {
    const lines = await homeLines(parts)
    const statuses = [...answers].map(([status, value]) => ({ labels: { status: String(status) }, value }))
    lines.push(
      ...metric('pintglas_http_answers_total', 'counter', 'Answers by HTTP status.', statuses),
      ...metric('pintglas_event_loop_delay_seconds', 'gauge', 'Delay of the event loop since the last look.', [
        { labels: { quantile: '0.5' }, value: delay.percentile(50) / NS_PER_SECOND },
        { labels: { quantile: '0.99' }, value: delay.percentile(99) / NS_PER_SECOND },
        { labels: { quantile: '1' }, value: delay.max / NS_PER_SECOND },
      ]),
    )
    delay.reset()
    return reply.type(METRICS_TYPE).send(`${lines.join('\n')}\n`)
  })
}

async function homeLines({
  pintglas,
  taps,
  strangers,
  transfers,
  quarantine,
  callers,
}: SamplerParts): Promise<string[]> {
  const { home, index, stock, running, swarm } = pintglas.parts
  const glases = index.view.glases()
  const totals = await stock.totals()
  const { bavail, bsize } = await statfs(stockFolder(home))
  const moved = [...transfers.movedBytes].map(([kind, value]) => ({ labels: { kind }, value }))
  const memory = process.memoryUsage()
  const one = (name: string, kind: Kind, help: string, value: number) => metric(name, kind, help, [{ value }])
  return [
    ...metric('pintglas_info', 'gauge', 'The program.', [{ labels: { version: programVersion() }, value: 1 }]),
    ...one('pintglas_glases', 'gauge', 'Glases in the index.', glases.length),
    ...one(
      'pintglas_versions',
      'gauge',
      'Versions in the index.',
      glases.reduce((sum, glas) => sum + glas.versions().length, 0),
    ),
    ...one('pintglas_stock_bytes', 'gauge', 'Bytes of the packs on the disk.', totals.packBytes),
    ...one('pintglas_stock_raw_bytes', 'gauge', 'Bytes of all blocks as they are.', totals.rawBytes),
    ...one('pintglas_stock_blocks', 'gauge', 'Blocks in the stock.', totals.blocks),
    ...one('pintglas_stock_pins', 'gauge', 'Versions that are kept.', totals.pins),
    ...one('pintglas_stock_free_bytes', 'gauge', 'Bytes left on the disk of the stock.', bavail * bsize),
    ...one('pintglas_members', 'gauge', 'Members of the swarm.', swarm.membership.members().length),
    ...one('pintglas_members_connected', 'gauge', 'Members that are connected.', running()?.membersUp().length ?? 0),
    ...one(
      'pintglas_taps',
      'gauge',
      'Images that run and can be asked.',
      taps.list().length + strangers.taps.list().length,
    ),
    ...one('pintglas_transfers', 'gauge', 'Transfers that run.', transfers.runningCount),
    ...metric('pintglas_transferred_bytes_total', 'counter', 'Bytes of transfers by kind.', moved),
    ...one('pintglas_quarantined', 'gauge', 'Snapshots that wait in quarantine.', quarantine.list().length),
    ...one('pintglas_sign_ins_wrong_total', 'counter', 'Sign-ins that were wrong.', callers.guesses.wrongCount),
    ...one(
      'pintglas_sign_ins_refused_total',
      'counter',
      'Sign-ins that were not looked at.',
      callers.guesses.refusedCount,
    ),
    ...one('process_resident_memory_bytes', 'gauge', 'Resident memory.', memory.rss),
    ...one('process_cpu_seconds_total', 'counter', 'CPU time.', cpuSeconds()),
    ...one('process_start_time_seconds', 'gauge', 'Start, in seconds since 1970.', performance.timeOrigin / 1000),
  ]
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

function metric(name: string, kind: Kind, help: string, samples: readonly Sample[]): string[] {
  const rows = samples.map(({ labels = {}, value }) => {
    const pairs = Object.entries(labels).map(([key, text]) => `${key}="${text.replace(/[\\"\n]/g, '_')}"`)
    return `${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${Number.isFinite(value) ? value : 0}`
  })
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${kind}`, ...rows]
}
