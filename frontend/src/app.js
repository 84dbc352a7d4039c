import Alpine from '@alpinejs/csp'
import 'htmx.org/dist/htmx.esm.js'

import './styles/app.css'
import { localTimes } from './lib/times.js'
import { menu } from './lib/menu.js'
import { password } from './lib/password.js'
import { theme } from './lib/theme.js'

Alpine.data('menu', menu)
Alpine.data('password', password)
Alpine.data('theme', theme)

localTimes(document)
document.addEventListener('htmx:after:settle', (event) => localTimes(event.target))

// Last: a page's own script has registered its components by now, since it stands before this one.
Alpine.start()
