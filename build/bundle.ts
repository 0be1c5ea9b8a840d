/**
 * Bundles everything into `dist/pintglas.js`, the one file that is published. Node refuses to strip types below
 * `node_modules`, so what users install must be JavaScript; one file starts several times faster than 400 packages.
 */
import { cpSync, readFileSync, rmSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { resolve } from 'node:path'
import { build, type Plugin } from 'esbuild'

const root = resolve(import.meta.dirname, '..')
const { version } = JSON.parse(readFileSync(resolve(root, 'package.json'), 'utf8')) as { version: string }

/**
 * Imports of Node's own modules would be lifted to the top of the one file, and all of them be loaded by every verb: half
 * of the time that `pintglas ls` takes. Like this each is loaded with the code that first needs it.
 */
const builtinsWhenNeeded: Plugin = {
  name: 'builtins when needed',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /./ }, ({ path }) => (isBuiltin(path) ? { path, namespace: 'builtin' } : undefined))
    onLoad({ filter: /./, namespace: 'builtin' }, ({ path }) => {
      return { contents: `module.exports = process.getBuiltinModule(${JSON.stringify(path)})`, loader: 'js' }
    })
  },
}

await build({
  entryPoints: [resolve(root, 'src/cli/main.ts')],
  outfile: resolve(root, 'dist/pintglas.js'),
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node22',
  minify: true,
  keepNames: true,
  legalComments: 'linked',
  plugins: [builtinsWhenNeeded],
  define: { PINTGLAS_VERSION: JSON.stringify(version) },
  // CommonJS packages inside the bundle still call require for Node's own modules
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
})
// what browsers get is served as it is, from beside the bundle
rmSync(resolve(root, 'dist/page'), { recursive: true, force: true })
const isServed = (path: string) => !/(\.d\.ts|tsconfig\.json)$/.test(path)
cpSync(resolve(root, 'src/sampler/page'), resolve(root, 'dist/page'), { recursive: true, filter: isServed })
console.log(`dist/pintglas.js ${version}`)
