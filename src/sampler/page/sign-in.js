/** Signing in with the one-time link that `pintglas open` prints: its code stands in the fragment, and is used once. */
import { ApiError, get, keepToken, post } from './api.js'
import { byId } from './dom.js'

/** Takes the code out of the address, where it must not stay, and exchanges it. True when this tab is signed in. */
export async function signIn() {
  const code = new URLSearchParams(location.hash.slice(1)).get('code')
  if (code !== null) {
    history.replaceState(null, '', location.pathname + location.search)
    keepToken(null)
    try {
      keepToken((await post('/session', { code })).token)
    } catch (error) {
      return refuse(error)
    }
  }
  try {
    await get('/status')
    return true
  } catch (error) {
    return refuse(error)
  }
}

/** @param {unknown} error */
export function refuse(error) {
  if (error instanceof ApiError && error.status === 401) keepToken(null)
  byId('app').hidden = true
  const box = byId('stranger')
  box.hidden = false
  byId('stranger-why').textContent = error instanceof Error ? error.message : String(error)
  return false
}
