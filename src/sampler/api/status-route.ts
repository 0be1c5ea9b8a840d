import { statfs } from 'node:fs/promises'
import { members } from '../../beam/swarm.ts'
import { programVersion } from '../../glas/program-version.ts'
import { stockFolder } from '../../home/home.ts'
import { sees } from '../caller.ts'
import { shownCaller } from './answers.ts'
import type { Api, ApiPorts } from './ports.ts'
import { Status } from './schemas.ts'

/** This home at a glance, and who asks. */
export function addStatusRoute(api: Api, { pintglas }: ApiPorts): void {
  const { parts } = pintglas
  api.get(
    '/status',
    { config: { role: 'viewer' }, schema: { summary: 'This home at a glance', response: { 200: Status } } },
    async ({ caller }) => {
      const glases = parts.index.view.glases().filter(({ glasId }) => sees(caller, glasId))
      return {
        name: parts.home.config.name,
        version: programVersion(),
        caller: shownCaller(caller),
        glases: glases.length,
        versions: glases.reduce((sum, glas) => sum + glas.versions().length, 0),
        stock: caller.glases === undefined ? await stockStatus() : null,
        peers: caller.glases === undefined ? await peers() : [],
      }
    },
  )

  async function stockStatus() {
    const { packBytes, rawBytes, pins } = await parts.stock.totals()
    const { bavail, bsize } = await statfs(stockFolder(parts.home))
    const quotas = parts.home.config.follow.map(({ quotaBytes }) => quotaBytes).filter((bytes) => bytes > 0)
    return {
      bytes: packBytes,
      'raw-bytes': rawBytes,
      'free-bytes': bavail * bsize,
      'quota-bytes': quotas.length === 0 ? null : Math.min(...quotas),
      pins,
    }
  }

  async function peers() {
    const { members: all } = await members(parts)
    return all.map(({ name, peerId, connected, self }) => ({ name, 'peer-id': peerId, connected, self }))
  }
}
