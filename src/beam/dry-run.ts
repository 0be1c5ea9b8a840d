import { withFile } from '../image/read.ts'
import type { Scan } from '../image/scan.ts'
import { SecretSearch } from '../image/secrets.ts'
import type { CallOptions } from './progress.ts'
import type { PushResult } from './push-result.ts'

/** What a push would do: everything is read and searched, nothing is kept. Findings are told, not thrown. */
export async function dryRun(scan: Scan, options: CallOptions): Promise<PushResult> {
  const search = new SecretSearch()
  const files = scan.entries.filter(({ kind }) => kind === 'file')
  const totalBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0)
  let doneBytes = 0
  for (const entry of files) {
    await withFile(
      entry,
      async ({ chunks, sizeBytes }) => {
        for await (const chunk of search.tap({ ...entry, sizeBytes }, chunks)) {
          doneBytes += chunk.byteLength
          options.onProgress({ phase: 'reading', doneBytes, totalBytes })
        }
      },
      options,
    )
  }
  for (const { path, offset, kind } of search.findings)
    options.onMessage(`Secret: ${kind} in "${path}" at byte ${offset}.`)
  return {
    outcome: 'dry-run',
    'image-name': scan.image.imageName,
    'glas-id': '',
    version: '',
    record: '',
    'image-id': '',
    size: doneBytes,
    files: files.length,
    'new-bytes': 0,
    image: [],
    'left-out': scan.leftOut,
    searched: search.searched,
    allowed: search.findings.length,
    copies: { holders: [], next: '' },
  }
}
