// First script of the GraphiQL page: takes the sign-in code out of the address bar, then loads the page itself.
import { takeCode } from '../lib/sign-in-code'

// Before anything else, and before the editor's megabytes are loaded: the code leaves the address bar.
const code = takeCode(window.location, window.history)

void import('./page').then(({ openPage }) => openPage(code))
