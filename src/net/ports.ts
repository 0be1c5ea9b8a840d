import { createServer } from 'node:net'
import { GlasError } from '../glas/errors.ts'
import { type Address, hostPort } from './address.ts'

/** A port that was in use, and what was taken in its place. */
export interface TakenPort {
  wanted: Address
  got: Address
}

/**
 * The addresses to listen at, with port 0 (any) where the wanted port is in use by another program. InvalidConfig for a
 * host that is none of this machine's, or a port that this user may not have.
 */
export async function freeAddresses(wanted: readonly Address[]): Promise<Address[]> {
  return Promise.all(wanted.map(async (address) => ((await isFree(address)) ? address : { ...address, port: 0 })))
}

/** Pairs what was wanted with what the node listens at now. */
export function takenPorts(wanted: readonly Address[], got: readonly Address[]): TakenPort[] {
  return wanted.flatMap((address) => {
    if (address.port === 0 || got.some(({ port }) => port === address.port)) return []
    const instead = got.find(({ host }) => host === address.host) ?? got[0]
    return instead === undefined ? [] : [{ wanted: address, got: instead }]
  })
}

function isFree(address: Address): Promise<boolean> {
  const { host, port } = address
  if (port === 0) return Promise.resolve(true)
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', (cause: NodeJS.ErrnoException) => {
      if (cause.code === 'EADDRINUSE') resolve(false)
      else
        reject(new GlasError('InvalidConfig', `Cannot listen at ${hostPort(address)} (${cause.message}).`, { cause }))
    })
    probe.listen({ host, port, exclusive: true }, () => probe.close(() => resolve(true)))
  })
}
