-- The connections of a mechanism that say something, as a forest: each offers one session at most. Those that are
-- alike, with all that came of their sessions, are one bundle, so that they are reckoned once. Pure; it knows no
-- explanation.

local M = {}

--- All connections that say something, in order.
-- @tparam table evidence
-- @treturn {table,...} {order, offer (or nil), label, source}
local function nodes_of(evidence)
  if evidence.nodes then
    return evidence.nodes
  end
  local by_order, nodes = {}, {}
  local function add(order, offer)
    local node = by_order[order]
    if not node then
      node = { order = order, label = evidence.label[order], source = evidence.by_order[order].source }
      by_order[order], nodes[#nodes + 1] = node, node
    end
    node.offer = offer or node.offer
  end
  for _, entry in ipairs(evidence.sequence) do
    if evidence.label[entry.order] then
      add(entry.order)
    end
  end
  for _, offer in ipairs(evidence.offers) do
    add(offer.origin)
    add(offer.order, offer)
  end
  table.sort(nodes, function(a, b)
    return a.order < b.order
  end)
  evidence.nodes = nodes
  return nodes
end
M.nodes = nodes_of

-- What makes two connections alike, but for what came of their sessions.
local function look_of(node, mark)
  local offer = node.offer
  local kind = offer and ("%s%d%s%s"):format(offer.resumed and "r" or "-", offer.lag, tostring(offer.barred),
    offer.alive or "") or "f"
  return ("%s%s/%s"):format(kind, mark and mark(node) or "", node.label and node.label.text or "")
end

-- Signatures of all connections with what came of their sessions, from the youngest to the oldest.
local function signatures(nodes, mark)
  local children, signature = {}, {}
  for i = #nodes, 1, -1 do
    local node = nodes[i]
    local list = children[node.order]
    local own = look_of(node, mark)
    if list then
      table.sort(list)
      own = ("%s(%s)"):format(own, table.concat(list, ","))
    end
    signature[node.order] = own
    if node.offer then
      local origin = node.offer.origin
      children[origin] = children[origin] or {}
      table.insert(children[origin], own)
    end
  end
  return signature
end

-- Connections that are alike, with all that came of them, are reckoned once.
local function bundles_of(evidence, mark)
  local nodes = nodes_of(evidence)
  local signature, stands, list, found = signatures(nodes, mark), {}, {}, {}
  for _, node in ipairs(nodes) do
    local parent = node.offer and stands[node.offer.origin] or found
    parent.kinds = parent.kinds or {}
    local one = parent.kinds[signature[node.order]]
    if not one then
      one = { order = node.order, offer = node.offer, label = node.label, source = node.source, total = 0,
        parent = node.offer and parent or nil }
      parent.kinds[signature[node.order]] = one
      list[#list + 1] = one
    end
    one.total = one.total + 1
    stands[node.order] = one
  end
  for _, one in ipairs(list) do
    one.times = one.parent and one.total / one.parent.total or one.total
  end
  return list
end

--- The bundles of a mechanism's connections, as far as a model can't tell these apart.
-- @tparam table evidence see resum.analysis.pool.evidence
-- @tparam table model see resum.analysis.pool.hidden
-- @treturn {table,...} {order, offer, label, source, parent, times (for each of the parent), total}, parents first
function M.of(evidence, model)
  if model.epoch or model.class_of then
    local mark = model.epoch and function(node)
      return "e" .. model.epoch(node.order)
    end or function(node)
      return "s" .. tostring(node.source)
    end
    local holder = model.epoch == evidence.epoch_of_crowds and evidence or model -- the same for all of these
    local name = holder == model and "bundles" or "bundles_of_crowds"
    holder[name] = holder[name] or bundles_of(evidence, mark)
    return holder[name]
  end
  evidence.bundles = evidence.bundles or bundles_of(evidence)
  return evidence.bundles
end

return M
