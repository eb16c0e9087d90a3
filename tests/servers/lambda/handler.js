// Functions that the tests invoke: one answers what it was given, one throws, one takes its time, one writes down that it ran.
'use strict'

module.exports.echo = async (event) => event

module.exports.fail = async () => {
  class ReportError extends Error {}
  const error = new ReportError('the report has no rows')
  error.name = 'ReportError'
  throw error
}

module.exports.slow = async (event) => {
  await new Promise((resolve) => setTimeout(resolve, (event && event.milliseconds) || 1000))
  return { waited: (event && event.milliseconds) || 1000 }
}

module.exports.count = async (event) => {
  require('node:fs').appendFileSync(event.file, 'ran\n')
  return { ran: true }
}
