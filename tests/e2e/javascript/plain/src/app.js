import ms from 'ms' // of the layer
import slugify from 'slugify'

export const handler = async (event) => {
  console.log('asked for', event.time)
  return `${slugify(event.name)} in ${ms(ms(event.time), { long: true })}`
}
