/** A pull from one, two and three holders, each behind a thin line of its own. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Bench, Scenario } from '../bench.ts'
import { twoSnapshots } from '../inputs.ts'
import type { LineShape } from '../line.ts'
import { overLines, whyNoLines } from '../route.ts'
import { freePort } from '../tools/mover.ts'
import { PintGlas } from '../tools/pintglas.ts'

const HOLDERS = 3
const SHAPE: LineShape = { bitsPerSecond: 50e6, delayMs: 5 }
const what = (count: number) => `pull into an empty peer from ${count} of them`

export const holders: Scenario = {
  name: 'holders',
  about: 'several peers have the version, each behind a line of 50 Mbit/s',
  async open(bench: Bench): Promise<() => Promise<void>> {
    const reason = whyNoLines()
    if (reason !== undefined) {
      bench.skip('holders', reason)
      return async () => {}
    }
    const folder = join(bench.folder, 'holders')
    const { v1 } = twoSnapshots(folder, bench.sizes.imageBytes)
    const pullers = await openPullers(bench, folder, v1)
    return async () => {
      for (const [at, puller] of pullers.entries()) {
        const target = join(folder, 'target')
        rmSync(target, { recursive: true, force: true })
        puller.restore(0)
        bench.report(what(at + 1), 'pintglas', await puller.pull('0.0.1', target))
      }
    }
  },
}

/** The first can reach one holder, the second two, and so on. */
async function openPullers(bench: Bench, folder: string, directory: string): Promise<PintGlas[]> {
  const peers: PintGlas[] = []
  const ports: number[] = []
  for (let at = 0; at < HOLDERS; at++) {
    const peer = await new PintGlas(join(folder, `holder-${at}`)).init()
    ports.push(await freePort())
    await peer.run('listen', `127.0.0.1:${ports[at]}`)
    if (at === 0) await peer.add(directory)
    else {
      await peer.run('join', await invitation(peers[0]!, ports[0]!))
      await peer.pull('0.0.1', join(folder, `copy-${at}`))
    }
    bench.after(() => peer.stop())
    await peer.startDaemon()
    peers.push(peer)
  }
  const pullers: PintGlas[] = []
  for (let count = 1; count <= HOLDERS; count++) {
    const route = await overLines(join(folder, `route-${count}`), SHAPE)
    bench.after(() => route.close())
    const puller = await new PintGlas(join(folder, `puller-${count}`), { within: route.within }).init()
    const ends: number[] = []
    for (const port of ports.slice(0, count)) ends.push(await route.to(port))
    await puller.run('join', await invitation(peers[0]!, ends[0]!))
    for (const [at, end] of ends.entries()) {
      const { peerId } = await peers[at]!.run('id')
      await puller.run('peers', 'add', `127.0.0.1:${end}#${peerId}`)
    }
    puller.save(0)
    pullers.push(puller)
  }
  return pullers
}

async function invitation(inviter: PintGlas, port: number): Promise<string> {
  const invited = await inviter.run('invite', '--address', `127.0.0.1:${port}`)
  return invited.invitation ?? ''
}
