// Finds the single-use sign-in code in an address or in what a person pasted; called by the pages and the sign-in form.

type AddressBar = Pick<Location, 'hash' | 'pathname' | 'search'>
type Past = Pick<History, 'replaceState'>

function codeOfFragment(fragment: string): string | null {
  return new URLSearchParams(fragment.replace(/^#/, '')).get('code') || null
}

/** Take the code out of the address bar, so that it is in no bookmark, screenshot or copied address. */
export function takeCode(address: AddressBar, past: Past): string | null {
  const code = codeOfFragment(address.hash)
  if (code !== null) past.replaceState(null, '', address.pathname + address.search)
  return code
}

/** Read a pasted sign-in link or bare code; null where it is neither. */
export function codeOfPastedText(text: string): string | null {
  const trimmed = text.trim()
  const fragmentStart = trimmed.indexOf('#')
  if (fragmentStart >= 0) return codeOfFragment(trimmed.slice(fragmentStart))
  return /^[A-Za-z0-9._~-]+$/.test(trimmed) ? trimmed : null
}
