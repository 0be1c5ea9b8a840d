/** Network namespaces: machines whose cables a test lays itself. Linux, root and iproute2 only. */
import { execFileSync } from 'node:child_process'
import type { TestContext } from '../harness.ts'

const ip = (...args: string[]): void => void execFileSync('ip', args, { stdio: 'pipe' })

/** Why no namespaces can be made here; undefined when they can. */
export function whyNoNamespaces(): string | undefined {
  if (process.platform !== 'linux') return 'network namespaces are a thing of Linux'
  if (process.getuid?.() !== 0) return 'network namespaces need root'
  const probe = `pg-probe-${process.pid}`
  try {
    ip('netns', 'add', probe)
  } catch (error) {
    return `no network namespace can be made: ${(error as Error).message.trim().split('\n').at(-1)}`
  }
  try {
    ip('-n', probe, 'link', 'add', 'end-a', 'type', 'veth', 'peer', 'name', 'end-b')
    return undefined
  } catch (error) {
    return `no virtual cable can be laid: ${(error as Error).message.trim().split('\n').at(-1)}`
  } finally {
    ip('netns', 'del', probe)
  }
}

/** Namespaces of a test with loopback up, gone when it ends; the names that are given back are unique on this machine. */
export function newNamespaces(t: TestContext, names: string[]): Map<string, string> {
  const namespaces = new Map(names.map((name) => [name, `pg-${process.pid}-${name}`]))
  for (const namespace of namespaces.values()) {
    ip('netns', 'add', namespace)
    t.after(() => ip('netns', 'del', namespace))
    ip('-n', namespace, 'link', 'set', 'lo', 'up')
  }
  return namespaces
}

/** Lays a cable between two namespaces, with the address of each end; nothing is routed over it. */
export function layCable(a: { namespace: string; address: string }, b: { namespace: string; address: string }): void {
  const names = [`to-${b.namespace.split('-').at(-1)}`, `to-${a.namespace.split('-').at(-1)}`]
  const [nameA = '', nameB = ''] = names
  ip('-n', a.namespace, 'link', 'add', nameA, 'type', 'veth', 'peer', 'name', nameB, 'netns', b.namespace)
  for (const [{ namespace, address }, name] of [
    [a, nameA],
    [b, nameB],
  ] as const) {
    ip('-n', namespace, 'address', 'add', `${address}/24`, 'dev', name)
    ip('-n', namespace, 'link', 'set', name, 'up')
  }
}

export const within = (namespace: string): string[] => ['ip', 'netns', 'exec', namespace]

/** All cables of a namespace are pulled out. */
export function cutCables(namespace: string): void {
  const links = execFileSync('ip', ['-n', namespace, '-o', 'link', 'show', 'type', 'veth'], { encoding: 'utf8' })
  for (const [, name = ''] of links.matchAll(/^\d+: ([^@:]+)/gm)) ip('-n', namespace, 'link', 'del', name)
}
