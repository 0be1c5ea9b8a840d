import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'

/** What IPFS keeps of a directory: path -> bytes or link target. The sidecar of PintGlas is left out. */
export function plainTree(directory: string): Map<string, string> {
  const tree = new Map<string, string>()
  for (const path of readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort()) {
    if (path === 'pintglas.ston') continue
    const absolute = join(directory, path)
    const stats = lstatSync(absolute)
    if (stats.isSymbolicLink()) tree.set(path, `link ${readlinkSync(absolute)}`)
    else if (stats.isDirectory()) tree.set(path, 'directory')
    else tree.set(path, `file ${readFileSync(absolute).toString('latin1')}`)
  }
  return tree
}
