import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { GlasError } from '../glas/errors.ts'

/** From a file, from PINTGLAS_PASSPHRASE, or typed unseen; twice where a slip would lock a key up for good. */
export async function passphraseFor(file: string | undefined, twice: boolean): Promise<string> {
  if (file !== undefined) return readFileSync(file, 'utf8').split(/\r?\n/)[0] ?? ''
  const given = process.env.PINTGLAS_PASSPHRASE
  if (given !== undefined) return given
  if (process.stdin.isTTY !== true) {
    throw new GlasError('BadUsage', 'There is no terminal to ask for the passphrase: use --passphrase-file.')
  }
  const passphrase = await ask('Passphrase: ')
  if (twice && (await ask('Again: ')) !== passphrase) throw new GlasError('BadUsage', 'The two were not the same.')
  return passphrase
}

function ask(question: string): Promise<string> {
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() })
  const lines = createInterface({ input: process.stdin, output: silent, terminal: true })
  process.stderr.write(question)
  return new Promise((resolve, reject) => {
    lines.once('SIGINT', () => reject(new GlasError('Interrupted', 'Interrupted.')))
    lines.question('', (answer) => resolve(answer))
  }).finally(() => {
    process.stderr.write('\n')
    lines.close()
  }) as Promise<string>
}
