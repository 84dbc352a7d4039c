/** A notice that its reader can close. */
export const notice = () => ({
  close() {
    this.$root.remove()
  },
})

/** Says so when the server could not be reached, or answered with something that is no page. */
export function reportFailures() {
  const show = () => {
    const template = document.getElementById('unreachable')
    document.getElementById('notices').replaceChildren(template.content.cloneNode(true))
  }
  document.addEventListener('htmx:error', ({ detail }) => {
    if (detail.ctx?.response === undefined) show()
  })
}
