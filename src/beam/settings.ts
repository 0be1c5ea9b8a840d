import { GlasError } from '../glas/errors.ts'
import { type Config, checked, configKey, requireSafeHttp } from '../home/config.ts'
import { saveConfig } from '../home/home.ts'
import type { Parts } from './parts.ts'
import type { CallOptions } from './progress.ts'

/** All settings, or one. */
export async function getConfig(
  { home }: Pick<Parts, 'home'>,
  { key }: { key: string | null },
): Promise<Partial<Config>> {
  if (key === null) return home.config
  const name = configKey(key)
  return { [name]: home.config[name] }
}

/** Sets one; `value` is JSON, or a plain word. What runs takes most settings over at its next start. */
export async function setConfig(
  { home, swarm }: Pick<Parts, 'home' | 'swarm'>,
  { key, value }: { key: string; value: string },
  { onMessage }: Pick<CallOptions, 'onMessage'>,
): Promise<Partial<Config>> {
  const name = configKey(key)
  const parsed = checked(name, parsedValue(value))
  await changeConfig({ home }, { [name]: parsed })
  if (name === 'name' && !(await swarm.rename(home.config.name))) {
    onMessage('The other members of the swarm go on using the name that this machine joined with.')
  }
  return { [name]: home.config[name] }
}

/** Durable before it counts here. */
export async function changeConfig({ home }: Pick<Parts, 'home'>, change: Partial<Config>): Promise<void> {
  const config = { ...home.config, ...change }
  for (const [key, value] of Object.entries(change)) checked(key, value)
  requireSafeHttp(config)
  await saveConfig(home.folder, config)
  Object.assign(home.config, config)
}

function parsedValue(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    if (/^[[{"]/.test(text)) throw new GlasError('InvalidConfig', `"${text}" is not valid JSON.`)
    return text
  }
}
