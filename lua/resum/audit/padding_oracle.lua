-- Does the answer tell whether the padding of a decrypted ticket was right? Then a ticket can be decrypted without its
-- key, byte by byte (Vaudenay 2002). The last byte of a block is altered in 17 ways: where PKCS #7 pads with p bytes of
-- value p, the mask p xor 1 makes right padding of one byte of it, and no other mask does. What differs then has to
-- differ each time, and has to foretell two bytes of padding as well.

local altered_tickets = require "resum.audit.altered_tickets"

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
local MASKS = 17 -- 1 xor 16: the largest that is needed
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
    return ("a server's answer tells whether a ticket's padding is right (%s): tickets can be decrypted by asking")
      :format(evidence.mechanism)
  end,
  names_only = "tickets are names of entries in a cache",
}

-- For each mechanism: a session, all masks at all places, the confirmations of one place, the controls.
function M.connections(options)
  local each = 4 + PLACES * MASKS + 4 * AGAIN + 3 * ((PLACES * MASKS + 4 * AGAIN) // CONTROL_EACH + 1)
  return altered_tickets.connections(options.mechanisms, each)
end

-- The ticket with this byte, and the one before it, altered.
local function alter(ticket, at, mask, mask_before)
  return ticket:sub(1, at - 2) .. string.char(ticket:byte(at - 1) ~ (mask_before or 0), ticket:byte(at) ~ mask)
    .. ticket:sub(at + 1)
end

local Search = {}
Search.__index = Search

-- What the server answers, as far as two answers can be told apart; nil where the network failed.
function Search:ask(...)
  local answer = self:answer_to(...)
  self.failed = self.failed + (answer and 0 or 1)
  return answer
end

function Search:answer_to(...)
  self.offers = self.offers + 1
  if self.offers % CONTROL_EACH == 0 then
    self.context:stay_sure("altered tickets")
  end
  local altered = self.session:derive({ ticket = alter(self.ticket, ...) })
  local record = altered and self.context:attempt({ mechanism = self.mechanism, session = altered, engine = "probe",
    offer = {} })
  local alerts = record and record.facts and record.facts.alerts or {}
  if record and record.outcome == "alert" then
    return "alert " .. (alerts[#alerts] and alerts[#alerts].code or "")
  end
  return record and (record.outcome == "refused" or record.outcome == "resumed") and record.outcome or nil
end

-- The mask whose answer is another one than those of all others, that answer, and theirs; nil where there is none.
function Search:odd_one(at)
  local masks, answers = {}, {}
  for mask = 1, MASKS do
    local answer = self:ask(at, mask)
    if answer then
      masks[answer] = masks[answer] or {}
      table.insert(masks[answer], mask)
      answers[#answers + 1] = not masks[answer][2] and answer or nil
    end
  end
  if #answers ~= 2 then
    return nil
  end
  for i, answer in ipairs(answers) do
    local other = answers[3 - i]
    if #masks[answer] == 1 and #masks[other] >= MASKS - 3 then -- some may have failed
      return masks[answer][1], answer, other
    end
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

-- Is there an oracle at this place? The odd mask gives the padding's length away; with that, two bytes are foretold.
function Search:at(at)
  local mask, answer, other = self:odd_one(at)
  local padding = mask and mask ~ 1
  if not mask or padding < 2 or padding > 16 then
    return false
  end
  local two = padding ~ 2
  return self:parts(at, { mask }, { mask ~ 32 }, answer, other)
    and self:parts(at, { two, two }, { two, two ~ 32 }, answer, other)
end

function Search:run()
  for _, block in ipairs(BLOCKS) do
    for _, trailer in ipairs(TRAILERS) do
      local at = #self.ticket - trailer - block
      if at > block + 1 and not self.context.client:expired(self.session) and self:at(at) then
        return { verdict = "bad", reason = "oracle", evidence = { mechanism = self.mechanism, offset = at - 1,
          offers = self.offers } }
      end
    end
  end
end

local function search(context, mechanism, session, ticket)
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
