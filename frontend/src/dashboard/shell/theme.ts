// Light, dark, or as the system has it; kept in this browser. The colours themselves are in components/theme.css.
const KEY = 'trading-engine:theme'
export const THEMES = ['system', 'light', 'dark'] as const
export type Theme = (typeof THEMES)[number]

export function chosenTheme(): Theme {
  try {
    return THEMES.find((theme) => theme === localStorage.getItem(KEY)) ?? 'system'
  } catch {
    return 'system' // a browser that keeps nothing
  }
}

/** Show the page in a theme, and keep the choice. */
export function chooseTheme(theme: Theme): void {
  document.body.classList.remove('light', 'dark')
  if (theme !== 'system') document.body.classList.add(theme)
  try {
    localStorage.setItem(KEY, theme)
  } catch {
    // it holds until the page is closed
  }
}
