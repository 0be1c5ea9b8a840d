/** Light, dark, or as the system says; remembered for this browser. */
import { byId } from './dom.js'

const KEY = 'pintglas-theme'
const THEMES = ['system', 'light', 'dark']

export function startTheme() {
  const button = byId('theme')
  let theme = localStorage.getItem(KEY) ?? 'system'
  const apply = () => {
    document.documentElement.dataset.theme = theme
    button.setAttribute('aria-label', `Colours: ${theme}. Change them`)
    button.title = `Colours: ${theme}`
  }
  button.addEventListener('click', () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? 'system'
    localStorage.setItem(KEY, theme)
    apply()
  })
  apply()
}
