/** Tools that bring a directory from one place to another. */
import { createServer } from 'node:net'
import type { Cost } from '../measure.ts'
import type { Route } from '../route.ts'

export interface Mover {
  tool: string
  open(): Promise<void>
  /** The sender has the directory as its next version, 1 for the first. */
  offer(directory: string): Promise<void>
  /**
   * A receiver that has version `has` (0: none) gets `version`, as a directory that is new. `bytes`: over the lines, in
   * both directions. What it then has can be built upon.
   */
  receive(version: number, has: number): Promise<Cost & { bytes: number }>
  close(): Promise<void>
}

/** Where a tool keeps what it needs, and how its receiver reaches its sender. */
export interface MoverOptions {
  folder: string
  route: Route
}

/** A port of loopback that nobody listens at, at the moment. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return address !== null && typeof address === 'object' ? address.port : 0
}
