-- Which of the files that resum itself writes is this? Told by its first bytes, for whoever gives one to an option that
-- takes another. Pure.

local M = {}

--- How many bytes tell.
M.HEAD = 512

--- What is called so is not to be turned away everywhere: --merge takes it.
M.RESULTS = "results of --json_lines"

--- And so is this: --resume takes it.
M.LIST = "a list that --resume keeps"

--- What a file of names of targets begins with: else it would look like any list.
M.LIST_HEAD = "# resum: targets that are done"

--- What a line of results begins with, see resum.report.json.
M.RESULT_HEADS = { '{"addresses":[', '{"across":{' }

local JOIN_LINES = "results are joined line by line: write them with --json_lines"

-- Begins with (a pattern), what it is, and what to give --merge in its place.
local KINDS = {
  { '^{"command":"resum', "a JSON document (--json_out)", JOIN_LINES },
  { '^{"resum_state":', "a state file of the audit" },
  { '^{"resum_watch":', "a state file of a watch", "name state files of the audit (--audit --state)" },
  { "^target,host,port,address,", "a table of --csv_out", JOIN_LINES },
  { "^# TYPE resum_", "metrics of --openmetrics_out", JOIN_LINES },
  { '^{"$schema":"[^"]*sarif', "a report of --sarif_out", JOIN_LINES },
  { "^<%?xml [^>]*>%s*<testsuites? [^>]*resum", "a report of --junit_out", JOIN_LINES },
  { "^<!DOCTYPE html>.-<title>.-TLS session resumption", "a page of --html_out", JOIN_LINES },
  { '^{"address":"[^"]*","at":"', "what a watch has seen", JOIN_LINES },
}

--- What a file of ours is.
-- @tparam string|nil head its first bytes, M.HEAD of them
-- @treturn string|nil in words; nil: none of ours, as far as that tells
-- @treturn string|nil what to give --merge in its place; nil: it takes this one
function M.kind(head)
  head = head or ""
  if head:sub(1, #M.LIST_HEAD) == M.LIST_HEAD then
    return M.LIST, "name what --json_lines has written"
  end
  for _, begin in ipairs(M.RESULT_HEADS) do
    if head:sub(1, #begin) == begin then
      return M.RESULTS
    end
  end
  for _, kind in ipairs(KINDS) do
    if head:find(kind[1]) then
      return kind[2], kind[3]
    end
  end
end

return M
