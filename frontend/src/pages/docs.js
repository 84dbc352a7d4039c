import 'swagger-ui-dist/swagger-ui.css'
import bundle from 'swagger-ui-dist/swagger-ui-bundle.js?url'

// A script of a megabyte and a half, loaded as it is: nothing is gained by bundling it again.
const script = document.createElement('script')
script.src = bundle
script.onload = () => {
  const root = document.getElementById('swagger-ui')
  globalThis.SwaggerUIBundle({
    url: root.dataset.openapi,
    domNode: root,
    deepLinking: true,
    // Its badge would call a validator on the internet.
    validatorUrl: null,
    tryItOutEnabled: true,
    persistAuthorization: true,
  })
}
document.head.append(script)
