/** A password field whose text can be looked at. */
export const password = () => ({
  shown: false,

  get kind() {
    return this.shown ? 'text' : 'password'
  },

  get covered() {
    return !this.shown
  },

  toggle() {
    this.shown = !this.shown
    this.$refs.field.focus()
  },
})
