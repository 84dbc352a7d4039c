const key = 'recado-theme'
const system = matchMedia('(prefers-color-scheme: dark)')

/** The button that turns the page dark or light; without a choice the page follows the system. */
export const theme = () => ({
  dark: false,

  get light() {
    return !this.dark
  },

  init() {
    this.read()
    system.addEventListener('change', () => this.read())
  },

  read() {
    const chosen = document.documentElement.dataset.theme
    this.dark = chosen ? chosen === 'dark' : system.matches
    dispatchEvent(new CustomEvent('recado:theme'))
  },

  toggle() {
    const next = this.dark ? 'light' : 'dark'
    document.documentElement.dataset.theme = next
    try {
      localStorage.setItem(key, next)
    } catch {
      // Storage may be forbidden; the choice then lasts as long as the page.
    }
    this.read()
  },
})
