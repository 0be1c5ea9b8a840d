import { join } from 'node:path'
import { GlasError, toGlasError } from '../glas/errors.ts'
import { writeZip } from './beams.ts'
import type { Quarantine } from './quarantine.ts'
import type { SnapshotRequests } from './snapshot-requests.ts'
import type { Spool, SpoolPlace } from './spool.ts'
import type { TapMessage } from './tap-message.ts'
import type { Message } from './websocket.ts'

export interface StrangerPorts {
  spool: Spool
  quarantine: Quarantine
  /** What was asked of Taps without a token; never of others, whose names they could use. */
  requests: SnapshotRequests
  onMessage: (message: string) => void
}

/** Snapshots from Taps without a token: received like others, and then they wait. Nothing looks into them before. */
export class StrangerBeams {
  readonly #ports: StrangerPorts

  constructor(ports: StrangerPorts) {
    this.#ports = ports
  }

  async receive(from: TapMessage, message: Message, address: string): Promise<void> {
    const { spool, quarantine, requests, onMessage } = this.#ports
    const request = requests.take(from)
    let place: SpoolPlace | undefined
    let arrived: (() => void) | undefined
    try {
      arrived = quarantine.expect(address, message.announcedBytes)
      place = await spool.place()
      const zip = join(place.folder, 'beam.zip')
      await writeZip(zip, message, place)
      const { id, name } = await quarantine.add(from, zip, { from: address, arrived })
      const waits = `A snapshot of "${name}" came from ${address} without a token and waits: \`pintglas accept ${id}\`.`
      onMessage(waits)
      request?.fail(new GlasError('Quarantined', waits, { data: { id } }))
    } catch (error) {
      onMessage(`A snapshot from ${address} came to nothing: ${toGlasError(error).message}`)
      request?.fail(error)
    } finally {
      arrived?.()
      await place?.release()
    }
  }
}
