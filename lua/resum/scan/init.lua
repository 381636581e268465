-- The scans, in the order in which they run. Adding one touches its own file and one line here.
-- A scan is {name, summary, defaults, run(client, control, options)}; what run returns becomes the field
-- `name` of the address in the result.

return {
  require "resum.scan.support",
  require "resum.scan.rate",
}
