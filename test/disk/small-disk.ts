import { execFileSync } from 'node:child_process'
import type { TestContext } from '../harness.ts'
import { newFolder } from '../home-peer.ts'

/** Why there can be no small disk here; undefined where there can. */
export const NO_SMALL_DISK =
  process.platform === 'linux' && process.getuid?.() === 0 ? undefined : 'a small disk needs the right to mount one'

/** An empty disk of so many megabytes, gone when the test ends. It takes memory for what is written alone. */
export function smallDisk(t: TestContext, megabytes: number): string {
  const folder = newFolder(t)
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', folder])
  t.after(() => execFileSync('umount', ['--lazy', folder]))
  return folder
}
