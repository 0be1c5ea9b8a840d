import { readFile, stat } from 'node:fs/promises'
import type { Server } from 'node:https'
import { createSecureContext } from 'node:tls'
import { GlasError } from '../glas/errors.ts'
import type { Config } from '../home/config.ts'

/** A certificate is renewed every few weeks, and the old one stays good for a while. */
const LOOK_EVERY_MS = 60 * 60_000

/** A certificate with its chain, and its key, as PEM, and where they came from. */
export interface TlsFiles {
  cert: string
  key: string
  paths: { cert: string; key: string }
}

/** Undefined where no certificate is set. InvalidConfig for files that are none, FileError for those that cannot be read. */
export async function readTls({
  httpCert,
  httpKey,
}: Pick<Config, 'httpCert' | 'httpKey'>): Promise<TlsFiles | undefined> {
  if (httpCert === '' && httpKey === '') return undefined
  if (httpCert === '' || httpKey === '') {
    throw new GlasError('InvalidConfig', 'The settings "httpCert" and "httpKey" belong together: set both, or none.')
  }
  const paths = { cert: httpCert, key: httpKey }
  const [cert, key] = await Promise.all([readFile(paths.cert, 'utf8'), readFile(paths.key, 'utf8')])
  try {
    createSecureContext({ cert, key })
  } catch (cause) {
    const message = `${paths.cert} and ${paths.key} are no certificate and its key (PEM): ${(cause as Error).message}`
    throw new GlasError('InvalidConfig', message, { cause })
  }
  return { cert, key, paths }
}

/** Takes new files over without a restart; gives the function that ends it. */
export function renewWhenChanged(
  server: Server,
  { paths }: TlsFiles,
  onMessage: (message: string) => void,
): () => void {
  let knownMs = Date.now()
  const look = async () => {
    try {
      const { mtimeMs } = await stat(paths.cert)
      if (mtimeMs <= knownMs) return
      const fresh = await readTls({ httpCert: paths.cert, httpKey: paths.key })
      knownMs = mtimeMs
      if (fresh !== undefined) server.setSecureContext({ cert: fresh.cert, key: fresh.key })
      onMessage(`The certificate in ${paths.cert} is new, and in use now.`)
    } catch (error) {
      onMessage(`The certificate could not be renewed; the old one stays in use. ${(error as Error).message}`)
    }
  }
  const timer = setInterval(() => void look(), LOOK_EVERY_MS).unref()
  return () => clearInterval(timer)
}
