--- "Two explanations remain: all shared, and sticky source": codes with blanks for their strokes, and "About session
-- IDs: not certain." Every explanation is named by a clause, and every reason for being uncertain has its sentence.

local explanations = require "resum.analysis.pool.explanations"
local page = require "spec.support.page"
local vocabulary = require "resum.analysis.vocabulary"
local words = require "resum.analysis.pool_words"

local REASONS = page.by_heading(page.text("json.md"))["set-up reason"]

-- All that an explanation's fit may have found, as its verdict asks for it.
local PARAMETERS = { { dead = {} }, { dead = { A = true } }, { dead = {}, kept = true } }

local function codes()
  local found = {}
  for _, list in pairs(explanations) do
    for _, one in ipairs(list) do
      for _, parameters in ipairs(PARAMETERS) do
        local verdict = type(one.verdict) == "function" and one.verdict(parameters) or one.verdict or one.id
        found[verdict] = verdict ~= "unexplained" or nil
      end
    end
  end
  return found
end

local function text_of(summary)
  local headline, evidence, advice = words.of(summary)
  return table.concat({ headline, table.concat(evidence, " "), advice }, " ")
end

local function inconclusive(fields)
  local summary = { verdict = "inconclusive", findings = {} }
  for name, value in pairs(fields) do
    summary[name] = value
  end
  return summary
end

describe("explanations of which more than one remains", function()
  it("are named by clauses, each of them", function()
    local count = 0
    for supposed in pairs(codes()) do
      for rival in pairs(codes()) do
        local text = text_of(inconclusive { reason = "rivals", supposed = supposed, rival = { verdict = rival } })
        count = count + 1
        assert.is_truthy(text:find(("either %s, or %s."):format(vocabulary.explanations[supposed],
          vocabulary.explanations[rival]), 1, true), text)
        assert.is_nil(text:find("%l_%l"), text)
        assert.is_nil(text:find("More than one", 1, true), text)
      end
    end
    assert.is_true(count >= 100)
  end)

  it("are as many as have words", function()
    local found = codes()
    found.mixed_groups = true -- of the whole, where mechanisms differ
    for code in pairs(vocabulary.explanations) do
      assert.is_true(found[code], code .. " is no explanation's")
    end
  end)

  it("are spoken of when they are not known, too", function()
    assert.is_truthy(text_of(inconclusive { reason = "rivals" }):find("More than one explanation remains.", 1, true))
  end)
end)

describe("a mechanism that is not certain", function()
  for _, reason in ipairs { "errors", "may_fail", "too_few_attempts", "no_attempts", "rivals", "like_nothing" } do
    it("says why: " .. reason, function()
      assert.is_truthy(REASONS[reason], "not in docs/json.md")
      local text = text_of { verdict = "all_shared",
        findings = { { code = "inconclusive", mechanism = "ticket", reason = reason } } }
      assert.is_truthy(text:find("What holds for tickets is not certain%. %u[%l ,]+"), text)
    end)
  end
end)

describe("a pool that nothing explains", function()
  for reason in pairs(REASONS) do
    it("shows what speaks against every explanation, by its name alone never: " .. reason, function()
      local text = text_of { verdict = "unexplained", reason = reason, findings = {} }
      assert.is_nil(text:find("%l_%l"), text)
      assert.is_nil(text:find(": the outcomes", 1, true), text)
    end)
  end
end)
