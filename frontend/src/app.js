import Alpine from '@alpinejs/csp'
import 'htmx.org/dist/htmx.esm.js'

import './styles/app.css'
import { menu } from './lib/menu.js'
import { notice, reportFailures } from './lib/notices.js'
import { password } from './lib/password.js'
import { theme } from './lib/theme.js'

Alpine.data('menu', menu)
Alpine.data('notice', notice)
Alpine.data('password', password)
Alpine.data('theme', theme)

reportFailures()

// Last: a page's own script has registered its components by now, since it stands before this one.
Alpine.start()
