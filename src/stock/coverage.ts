/** How far a catalogue covers the packs. */
import type { Catalogue } from './catalogue.ts'

/** In the order in which packs were written, so that of two copies of a block the later one counts. */
function packOrder(a: string, b: string): number {
  const [epochA = 0, numberA = 0] = numbersIn(a)
  const [epochB = 0, numberB = 0] = numbersIn(b)
  return epochA - epochB || numberA - numberB
}

function numbersIn(name: string): number[] {
  return (name.match(/\d+/g) ?? []).map(Number)
}

export function fits(catalogue: Catalogue, packs: ReadonlyMap<string, number>): boolean {
  for (const [name, bytes] of catalogue.covered()) if (bytes > (packs.get(name) ?? -1)) return false
  return true
}

export function uncovered(
  catalogue: Catalogue,
  packs: ReadonlyMap<string, number>,
): Array<[name: string, from: number, to: number]> {
  const covered = catalogue.covered()
  return [...packs]
    .map(([name, to]): [string, number, number] => [name, covered.get(name) ?? 0, to])
    .filter(([, from, to]) => from < to)
    .sort(([a], [b]) => packOrder(a, b))
}
