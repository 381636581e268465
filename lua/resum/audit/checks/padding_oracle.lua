-- Does the answer tell whether the padding of a decrypted ticket was right? Then a ticket can be decrypted without its
-- key, byte by byte (Vaudenay 2002). The last byte of a block is altered in 17 ways: where padding of p bytes ends in
-- the value p (PKCS #7), the mask p xor 1 makes right padding of one byte of it, and no other mask does. Where the
-- ciphertext most likely ends, all 255 ways are tried, for other kinds of padding. What differs then has to differ each
-- time, and has to foretell two bytes of padding as well, or exactly those values that are lengths.

local altered_tickets = require "resum.audit.tickets.altered"
local poll = require "resum.audit.poll"

local M = {
  id = "padding-oracle",
  title = "Does the answer tell whether the padding of a decrypted ticket was right?",
  severity = "critical",
  class = "intrusive",
  sources = { "Vaudenay 2002: Security Flaws Induced by CBC Padding", "Hebrok et al. 2023", "RFC 5077, section 4" },
  advice = "Have tickets authenticated before they are decrypted (RFC 5077, section 4): update the TLS library, or "
    .. "replace the code that makes tickets.",
}

local BLOCKS = { 16, 8 } -- bytes, of AES and 3DES
local TRAILERS = { 0, 16, 20, 28, 32, 48, 64 } -- bytes behind the ciphertext: of a MAC or a tag
local MASKS = 17 -- 1 xor 16: the largest that PKCS #7 needs
local ALL_MASKS = 255
-- Where all are tried: at the end (no MAC, or one that is looked at later), and in front of an HMAC-SHA256. No more: a
-- server that fails on each may grow without bound (CVE-2024-2511), and `tampered` offers 256 tickets as well.
local WIDE = { block = 16, trailers = { 0, 32 } }
local SOME_LOST = 3 -- of the answers at one place
-- How often each of two answers has to come: that 12 of 12 and 0 of 12 are chance has 7e-7 (Fisher's exact test).
local AGAIN = 12
local CONTROL_EACH = 64 -- offers between two full handshakes
local MOST_FAILED = 0.05 -- of the offers: beyond that the one mask of 17 that would tell may be among them
local PLACES = #BLOCKS * #TRAILERS

M.reasons = {
  no_oracle = function(evidence)
    return ("%d altered tickets are answered in no way that their padding explains"):format(evidence.offers)
  end,
  oracle = function(evidence)
    return ("a server's answer tells whether a ticket's padding is right (%s, %s): tickets can be decrypted by asking")
      :format(evidence.mechanism, evidence.padding)
  end,
  last_byte = function(evidence)
    return ("a server's answer tells whether the last byte of a decrypted ticket is a length of padding (%s): that "
      .. "byte can be read in each block by asking"):format(evidence.mechanism)
  end,
  names_only = "tickets are names of entries in a cache",
  session_ended = altered_tickets.session_ended,
  mixed_answers = function(evidence)
    return ("several servers with keys of their own stand behind the address, and mix their answers (%s): audit each "
      .. "at an address of its own"):format(evidence.mechanism)
  end,
}

-- For each mechanism: a session, all masks at all places, the confirmations of one place (two offers for each that
-- comes to nothing), the controls.
function M.connections(options)
  local offers = PLACES * (MASKS + 2) + #WIDE.trailers * (ALL_MASKS - MASKS + 2) + 8 * AGAIN
  return altered_tickets.connections(options.mechanisms, 4 + offers + 3 * (offers // CONTROL_EACH + 1))
end

-- The ticket with this byte, and the one before it, altered.
local function alter(ticket, at, mask, mask_before)
  return ticket:sub(1, at - 2) .. string.char(ticket:byte(at - 1) ~ (mask_before or 0), ticket:byte(at) ~ mask)
    .. ticket:sub(at + 1)
end

local Search = {}
Search.__index = Search

-- What the server answers to an alteration, as far as two answers can be told apart; nil where the network failed.
function Search:ask(...)
  self.offers = self.offers + 1
  if self.offers % CONTROL_EACH == 0 then
    self.context:stay_sure("altered tickets")
  end
  local altered = self.session:derive({ ticket = alter(self.ticket, ...) })
  local answer, code = altered_tickets.answer(altered and self.context:attempt({ mechanism = self.mechanism,
    session = altered, engine = "probe", offer = {} }))
  self.failed = self.failed + (answer and 0 or 1)
  return answer and (code and answer .. " " .. code or answer)
end

-- Asks with a range of masks at a place, and adds to what came: answer -> list of masks.
function Search:ask_masks(at, from, to, masks)
  for mask = from, to do
    local answer = self:ask(at, mask)
    if answer then
      masks[answer] = masks[answer] or {}
      table.insert(masks[answer], mask)
    end
  end
  return masks
end

-- A few ends beside other answers may be lost connections.
local function may_be_lost(masks)
  return masks.ended ~= nil and #masks.ended <= SOME_LOST and next(masks, next(masks)) ~= nil
end

-- The two answers that a place has, the rarer one first; nil where there are not just two.
local function two_answers(masks)
  local list = {}
  for answer in pairs(masks) do
    list[#list + 1] = answer
  end
  if #list == 3 and may_be_lost(masks) then
    local kept = {}
    for _, answer in ipairs(list) do
      kept[#kept + 1] = answer ~= "ended" and answer or nil
    end
    list = kept
  end
  if #list == 2 then
    table.sort(list, function(a, b)
      return #masks[a] < #masks[b]
    end)
    return list[1], list[2]
  end
end

-- Do these two alterations get these two answers, each time?
function Search:parts(at, right, wrong, answer, other)
  for _ = 1, AGAIN do
    if self:ask(at, table.unpack(right)) ~= answer or self:ask(at, table.unpack(wrong)) ~= other then
      return false
    end
  end
  return true
end

-- Kinds of padding of which one mask alone makes one byte; and the masks of the last byte and of the one before it that
-- make two bytes of it, and that don't. Of two bytes that there were it is one byte that bears any other before it.
-- (The mask 1 says too little: it may turn a number of a version as well.)
local function foretold(two, mask)
  if two == 0 then
    return { mask, 32 }, { 0, 32 }
  end
  return { two, two }, { two, two ~ 32 }
end

local KINDS = {
  { name = "PKCS #7", foretell = function(mask, block)
    local length = mask ~ 1
    if length >= 2 and length <= block then
      return foretold(length ~ 2, mask)
    end
  end },
  { name = "as in TLS records", foretell = function(mask) -- the length without itself
    if mask > 1 then
      return foretold(mask ~ 1, mask)
    end
  end },
  { name = "ISO 7816-4", foretell = function(mask) -- 0x80, and zeros behind it
    if mask == 0x80 then
      return { 0, 0x80 }, { 0, 0x80 ~ 32 }
    end
  end },
}

-- The kind of padding that one odd mask gives away; nil where none explains it.
function Search:kind_of_one(at, block, mask, answer, other)
  if not self:parts(at, { mask }, { mask ~ 32 }, answer, other) then
    return nil
  end
  for _, kind in ipairs(KINDS) do
    local right, wrong = kind.foretell(mask, block)
    if right and self:parts(at, right, wrong, answer, other) then
      return kind.name
    end
  end
end

-- What the last byte was, if these masks, and no others of those that were tried, make it a length of 1 to `most` of
-- that; nil if that can't be.
local function length_of(masks, most_of, tried)
  local set = {}
  for _, mask in ipairs(masks) do
    set[mask] = true
  end
  for length = 1, BLOCKS[1] do
    local wanted, found = 0, 0
    for value = 1, most_of(length) do
      local mask = length ~ value
      local was_tried = mask > 0 and mask <= tried
      wanted, found = wanted + (was_tried and 1 or 0), found + (was_tried and set[mask] and 1 or 0)
    end
    if found > 1 and found == #masks and wanted - found <= SOME_LOST then
      return length
    end
  end
end

-- Several masks make it right: what counts is the last byte alone, or it and zeros before it (ANSI X9.23).
function Search:kind_of_many(at, block, masks, answer, other, tried)
  local length = length_of(masks[answer], function(own) return own end, tried)
  if length and length > 2 and self:parts(at, { length ~ 2, 0 }, { length ~ 2, 32 }, answer, other) then
    return self:found("oracle", at, { padding = "ANSI X9.23" })
  end
  length = tried == ALL_MASKS and length_of(masks[answer], function() return block end, tried)
  if length and self:parts(at, { masks[answer][1], 32 }, { masks[other][1], 32 }, answer, other) then
    return self:found("last_byte", at, {}, "high")
  end
end

-- What the answers at a place come to: a finding, or nil.
function Search:judge(at, block, masks, tried)
  local rare, common = two_answers(masks)
  if not rare then
    return nil
  elseif #masks[rare] > 1 then
    return self:kind_of_many(at, block, masks, rare, common, tried)
  elseif #masks[common] >= tried - 1 - SOME_LOST then
    local kind = self:kind_of_one(at, block, masks[rare][1], rare, common)
    return kind and self:found("oracle", at, { padding = kind })
  end
end

function Search:found(reason, at, evidence, severity)
  evidence.mechanism, evidence.offset, evidence.offers = self.mechanism, at - 1, self.offers
  return { verdict = "bad", reason = reason, severity = severity, evidence = evidence }
end

local function is_wide(block, trailer)
  return block == WIDE.block and (trailer == WIDE.trailers[1] or trailer == WIDE.trailers[2])
end

-- Is there an oracle at this place?
function Search:at(at, block, trailer)
  local masks = self:ask_masks(at, 1, MASKS, {})
  local found = self:judge(at, block, masks, MASKS)
  if not found and is_wide(block, trailer) then
    found = self:judge(at, block, self:ask_masks(at, MASKS + 1, ALL_MASKS, masks), ALL_MASKS)
  end
  self.failed = self.failed + (not found and may_be_lost(masks) and #masks.ended or 0)
  return found
end

function Search:run()
  for _, block in ipairs(BLOCKS) do
    for _, trailer in ipairs(TRAILERS) do
      local at = #self.ticket - trailer - block
      local found = at > block + 1 and not self.context.client:expired(self.session) and self:at(at, block, trailer)
      if found then
        return found
      end
    end
  end
end

-- Each answer has to be the same server's: where others answer in between, none of 600 offers says anything.
local function search(context, mechanism, session, ticket)
  if poll.rounds(context, mechanism) > 1 then
    return { verdict = "inconclusive", reason = "mixed_answers", evidence = { mechanism = mechanism } }, 0
  end
  local one = setmetatable({ context = context, mechanism = mechanism, session = session, ticket = ticket, offers = 0,
    failed = 0 }, Search)
  local found = one:run()
  if not found and one.failed > MOST_FAILED * one.offers then
    found = { verdict = "inconclusive", reason = "connection_failed", evidence = { mechanism = mechanism,
      failed = one.failed, offers = one.offers } }
  end
  return found, one.offers
end

--- @tparam table context see resum.audit.context
-- @treturn {table,...} findings
function M.run(context)
  return altered_tickets.run(context, function(...)
    return search(context, ...)
  end, function(offers)
    return { verdict = "good", reason = "no_oracle", evidence = { offers = offers } }
  end)
end

return M
