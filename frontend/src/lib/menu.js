/** A button that opens a small menu: closed by Escape, by a click elsewhere, by leaving it. */
export const menu = () => ({
  open: false,

  get closed() {
    return !this.open
  },

  toggle() {
    this.open = !this.open
  },

  close() {
    this.open = false
  },

  escape() {
    if (!this.open) return
    this.open = false
    this.$refs.button.focus()
  },

  left(event) {
    if (event.relatedTarget && !this.$root.contains(event.relatedTarget)) this.open = false
  },
})
