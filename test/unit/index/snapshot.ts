import { toHex } from '../../../src/glas/keys.ts'
import { versionText } from '../../../src/glas/version.ts'
import type { GlasView, Published } from '../../../src/index/glas-view.ts'
import type { View } from '../../../src/index/view.ts'

/** All that a view says, as plain data: two views that say the same have equal snapshots. */
export function snapshotOf(view: View): unknown {
  const grants = view.grants
    .all()
    .map(({ id, revoked }) => ({ id, revoked, kept: view.countedUnder(id).map(toHex).sort() }))
  return { grants, glases: view.glases().map(glasOf) }
}

function glasOf(glas: GlasView): unknown {
  const { glasId, imageName, latest, highest, nextSequence } = glas
  return {
    glasId,
    imageName,
    latest: latest === undefined ? null : versionText(latest.version),
    highest: highest === undefined ? null : versionText(highest),
    nextSequence,
    tags: [...glas.tags()].map(([tag, record]) => [tag, String(record)]),
    versions: glas.versions().map(({ version, published, isFork, isRetracted }) => {
      return { version: versionText(version), isFork, isRetracted, published: published.map(publishedOf) }
    }),
  }
}

function publishedOf({ record, entry, own, retracted, note }: Published): unknown {
  return { record: String(record), entry: toHex(entry.id), own, retracted, note }
}
