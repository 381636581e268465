-- The exit codes of the command, and what each means: --help, docs/resum.1 and docs/method.md say the same.

local M = { all_scanned = 0, not_all_scanned = 1, usage = 2, not_as_expected = 3, stopped = 4, interrupted = 130 }

--- What each means, in the order of the codes. Of several the one further down wins, but 2 wins over 3.
M.meanings = {
  { 0, "all targets were scanned, each at one of its addresses at least; --watch: the time of --until has come" },
  { 1, "some target could not be scanned, or some line of a list or file could not be read" },
  { 2, "the command can't be used as it is, or nothing was tested, as the list names no target" },
  { 3, "an --expect was not met, or --quick did not find resumption in order; this wins over 1" },
  { 4, "stopped: the list could not be read to its end, something could not be written, or resum itself failed" },
  { 130, "interrupted by Ctrl-C (143 by SIGTERM, 129 by SIGHUP); what was known by then is printed" },
}

--- All of them in one sentence.
-- @treturn string
function M.in_words()
  local list = {}
  for i, one in ipairs(M.meanings) do
    list[i] = ("%d %s"):format(one[1], one[2])
  end
  return "Exit codes: " .. table.concat(list, ". ") .. "."
end

return M
