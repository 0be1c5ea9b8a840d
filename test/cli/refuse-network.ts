/** Preloaded into a verb: loading anything of libp2p or helia is an error. */
import { registerHooks } from 'node:module'

const NETWORK = /^(libp2p|helia|@libp2p\/|@helia\/|@chainsafe\/|@multiformats\/multiaddr)/

registerHooks({
  resolve(specifier, context, nextResolve) {
    if (NETWORK.test(specifier)) throw new Error(`loads ${specifier}`)
    return nextResolve(specifier, context)
  },
})
