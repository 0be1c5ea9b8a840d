import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Identity } from '../beam/identity.ts'
import { hasErrno } from '../disk/files.ts'
import { GlasError } from '../glas/errors.ts'
import { passphraseFor } from './passphrase.ts'
import { call, run } from './run.ts'
import { shownTable } from './shown.ts'
import type { AddVerb } from './verb.ts'

/** The verbs about who this home is: init, id, key, config. */
export const addIdentity: AddVerb = (program, start) => {
  program
    .command('init')
    .description('set this home up (every verb does so by itself)')
    .action(() => run(start(), 'init', {}, render))
  program
    .command('id')
    .description('who this home is, and where others reach it')
    .action(() => run(start(), 'id', {}, render))
  program
    .command('config [key] [value]')
    .description('show the settings, one of them, or set it')
    .action((key: string | undefined, value: string | undefined) => {
      const asJson = (settings: object) => JSON.stringify(settings, null, 2)
      if (key !== undefined && value !== undefined) return run(start(), 'setConfig', { key, value }, asJson)
      return run(start(), 'getConfig', { key: key ?? null }, asJson)
    })
  addKey(program, start)
}

const addKey: AddVerb = (program, start) => {
  const key = program.command('key').description('back up the owner key, or put one in its place')
  key
    .command('export [file]')
    .description('write the owner key, encrypted under a passphrase, to a file or to stdout')
    .option('--passphrase-file <file>', 'read the passphrase from the first line of a file')
    .action(async (file: string | undefined, options: { passphraseFile?: string }) => {
      const begun = start()
      const exported = await call(begun, 'keyExport', { passphrase: await passphraseFor(options.passphraseFile, true) })
      if (file === undefined) return begun.terminal.result(exported, (result) => result.key)
      writeNew(file, `${exported.key}\n`)
      begun.terminal.result(
        { file: resolve(file) },
        (result) => `The owner key is in ${result.file}, encrypted. Keep the passphrase elsewhere.`,
      )
    })
  key
    .command('import <file>')
    .description('use the owner key from an export')
    .option('--passphrase-file <file>', 'read the passphrase from the first line of a file')
    .option('--force', 'also when this home has published under its own key, which is kept beside')
    .action(async (file: string, options: { passphraseFile?: string; force?: true }) => {
      const passphrase = await passphraseFor(options.passphraseFile, false)
      const args = { path: resolve(file), passphrase, force: options.force === true }
      return run(
        start(),
        'keyImport',
        args,
        ({ owner }) => `This home belongs to owner ${owner} now. Restart its daemon, if it has one.`,
      )
    })
}

/** An older backup may be the only one of another key: it is not written over. */
function writeNew(file: string, text: string): void {
  try {
    writeFileSync(file, text, { mode: 0o600, flag: 'wx' })
  } catch (cause) {
    if (!hasErrno(cause, 'EEXIST')) throw cause
    throw new GlasError('TargetExists', `"${file}" is there already. Name another file.`, { cause })
  }
}

function render(identity: Identity): string {
  return shownTable([
    ['home', identity.home],
    ['machine', identity.name],
    ['peer', identity.peerId],
    ['owner', identity.owner],
    ['swarm', identity.swarm],
    ...identity.addresses.map((address) => ['address', address]),
  ])
}
