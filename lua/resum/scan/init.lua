-- The scans, in the order in which they run. Adding one touches its own file and one line here.
-- A scan is {name, summary, defaults, recorded, connections(options), run(client, control, options, entry)}. How many
-- connections it makes is {least, most}: the command and its manual promise it. What run returns becomes the field
-- `name` of the address, whose entry it gets. The client of a recorded scan keeps a journal
-- (resum.scan.pool.recorder).

return {
  require "resum.scan.support",
  require "resum.scan.rate",
  require "resum.scan.pool.sampling",
}
