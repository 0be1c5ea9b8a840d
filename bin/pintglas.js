#!/usr/bin/env node
// Starts the bundle when there is one, else the sources. A Node that is too old hands over to the one that came
// with the installation, if any. Plain old JavaScript, so that such a Node can still read this file.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import * as nodeModule from 'node:module'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const OLDEST_NODE = [22, 19]
const PLATFORM_PACKAGES = [`node-${process.platform}-${process.arch}`, `node-bin-${process.platform}-${process.arch}`]

const root = dirname(dirname(fileURLToPath(import.meta.url)))

function isOldNode() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  return major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1])
}

function bundledNode() {
  const require = nodeModule.createRequire(import.meta.url)
  for (const name of PLATFORM_PACKAGES) {
    try {
      return join(dirname(require.resolve(`${name}/package.json`)), 'bin', 'node')
    } catch {
      // not installed
    }
  }
  return undefined
}

if (isOldNode()) {
  const node = bundledNode()
  if (node === undefined) {
    console.error(`pintglas: this Node is ${process.versions.node}; PintGlas needs ${OLDEST_NODE.join('.')} or newer.`)
    console.error('Install a newer Node, or install PintGlas without --omit=optional: it then brings one.')
    process.exit(2)
  }
  const { status, signal } = spawnSync(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    stdio: 'inherit',
  })
  process.exit(status ?? (signal === 'SIGINT' ? 130 : 1))
}

// Compiling the bundle takes longer than most verbs. The cache is for this user alone: what lies in a shared
// temporary folder could be another user's, and would be run.
const cacheRoot = process.env.XDG_CACHE_HOME || join(homedir(), '.cache')
nodeModule.enableCompileCache?.(join(cacheRoot, 'pintglas', 'compiled'))

const bundle = join(root, 'dist', 'pintglas.js')
const main = existsSync(bundle) ? bundle : join(root, 'src', 'cli', 'main.ts')
await import(pathToFileURL(main).href)
