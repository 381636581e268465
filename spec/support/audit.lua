--- Runs one check of the audit against one server, with a real client and the budget that the check declares. What the
-- scans before it would have seen of resumption, the spec says.

local clients = require "resum.connection.client"
local evidences = require "resum.audit.evidence"
local finding = require "resum.audit.finding"
local contexts = require "resum.audit.context"
local host = require "resum.host.uv"

local M = {}

--- The method of a context, for those that a spec makes itself: it has attempt and options.retries.
M.hear_out = contexts.new({ client = { connections = 0 } }, 0).hear_out

--- What a check sees of a server, before its first connection.
-- @tparam table check of resum.audit
-- @tparam integer port on 127.0.0.1
-- @tparam[opt] table more resuming (list of mechanisms that resume; all), options (of resum.run, as read), entry (of
--   the address), server_name, evidence, client,
--   seeds and seed_mechanism (full handshakes before, and of what: "psk")
-- @treturn table context
function M.context(check, port, more)
  more = more or {}
  local evidence, entry = more.evidence or evidences.new(), more.entry or { address = "127.0.0.1", support = {} }
  for _, mechanism in ipairs(more.resuming or { "session_id", "ticket", "psk" }) do
    entry.support[mechanism] = { verdict = "supported", resumed = 5, refused = 0, attempted = 5 }
  end
  local options = { retries = 2, mechanisms = { "session_id", "ticket", "psk" } }
  for name, value in pairs(more.options or {}) do
    options[name] = value
  end
  local client = more.client or clients.new({ address = "127.0.0.1", port = port, server_name = more.server_name }, {
    host = host, timeout = more.timeout or 2, versions = options.versions, on_event = function(event)
      if event.kind == "attempt" then
        evidence:note(event.record)
      end
    end })
  for _ = 1, more.seeds or 0 do
    client:attempt({ mechanism = more.seed_mechanism or "psk", want_tickets = true })
  end
  return contexts.new({ client = client, options = options, entry = entry, evidence = evidence,
    reach = more.reach, target = { host = more.server_name or "127.0.0.1", port = port } }, check.connections(options))
end

--- Runs a check.
-- @tparam table check, integer port, table more see M.context
-- @treturn {table,...} findings, see resum.audit.finding
-- @treturn table context
function M.run(check, port, more)
  local context = M.context(check, port, more)
  local fine, found = pcall(check.run, context)
  if not fine then
    local reason = contexts.stopped(found) or error(found, 0)
    found = { { verdict = "inconclusive", reason = reason } }
  end
  for i, one in ipairs(found) do
    found[i] = finding.make(check, one)
  end
  assert(context:made() <= check.connections(context.options), check.id .. " made more than it declares")
  return found, context
end

--- The verdicts and reasons of findings, in a line.
-- @tparam {table,...} found
-- @treturn string such as "bad high fails, good - fresh"
function M.words(found)
  local words = {}
  for i, one in ipairs(found) do
    words[i] = ("%s %s %s"):format(one.verdict, one.verdict == "bad" and one.severity or "-", one.reason)
  end
  return table.concat(words, ", ")
end

return M
