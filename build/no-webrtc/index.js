// @helia/libp2p imports these two names for its default set of transports. We compose our own node without WebRTC,
// so nothing may ever call them.
export function webRTC() {
  throw new Error('the WebRTC transport is not installed')
}

export function webRTCDirect() {
  throw new Error('the WebRTC transport is not installed')
}
