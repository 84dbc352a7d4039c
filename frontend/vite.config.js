import tailwindcss from '@tailwindcss/vite'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vite'

import { icons } from './src/icons.js'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))

/** Writes the icons that the pages use as one SVG file of symbols, named by their lucide names. */
function sprite() {
  const symbol = (name) => {
    const source = readFileSync(here(`node_modules/lucide-static/icons/${name}.svg`), 'utf8')
    const shapes = source.replace(/^[\s\S]*?<svg[^>]*>/, '').replace(/<\/svg>\s*$/, '')
    return `<symbol id="${name}" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round">${shapes.replace(/\s*\n\s*/g, '')}</symbol>`
  }
  return {
    name: 'recado:sprite',
    generateBundle() {
      const symbols = [...icons].sort().map(symbol).join('\n')
      this.emitFile({
        type: 'asset',
        name: 'icons.svg',
        originalFileName: 'icons.svg',
        source: `<svg xmlns="http://www.w3.org/2000/svg">\n${symbols}\n</svg>\n`,
      })
    },
  }
}

/** Gathers the licences of what is bundled: each asks to be handed on with the code. */
function licences() {
  const { dependencies } = JSON.parse(readFileSync(here('package.json'), 'utf8'))
  const packages = [...Object.keys(dependencies), 'daisyui', 'tailwindcss', '@vue/reactivity']
  const text = (name) => {
    const file = here(`node_modules/${name}/LICENSE`)
    if (existsSync(file)) return `## ${name}\n\n${readFileSync(file, 'utf8').trim()}\n`
    const { author, license } = JSON.parse(
      readFileSync(here(`node_modules/${name}/package.json`), 'utf8'),
    )
    return `## ${name}\n\n${license}, copyright ${author}\n`
  }
  return {
    name: 'recado:licences',
    generateBundle() {
      const source = packages.map(text).join('\n')
      this.emitFile({ type: 'asset', fileName: 'third-party-licences.txt', source })
    },
  }
}

export default defineConfig({
  base: './',
  plugins: [tailwindcss(), sprite(), licences()],
  build: {
    manifest: 'manifest.json',
    // A data: address would ask for an exception in the content security policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: 'es2022',
    chunkSizeWarningLimit: 2000,
    rolldownOptions: {
      input: {
        app: here('src/app.js'),
        campaign: here('src/pages/campaign.js'),
        docs: here('src/pages/docs.js'),
        early: here('src/early.js'),
      },
    },
  },
})
