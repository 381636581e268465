-- The page of HTML in a real browser, headless: nothing overflows at phone and at desktop width, in light and in dark,
-- and no request leaves it.

local cjson = require "cjson"
local process = require "spec.support.process"
local servers = require "spec.support.servers"
local pools = require "spec.support.real_pool"

local LUA = "lua" .. _VERSION:match("%d%.%d")
local RESUM = process.ROOT .. "/lua/bin/resum"
local SOURCES = { "--source", "127.0.0.31", "--source", "127.0.0.32", "--source", "127.0.0.33" }

-- Tells the page around it what sticks out: elements beyond the right edge that stand in no frame which scrolls, and
-- texts of pictures that are cut off; and what was asked for.
local MEASURE = [[<script>addEventListener("load", () => {
  document.querySelectorAll("details").forEach(d => d.open = true);
  const wide = innerWidth, out = [];
  for (const e of document.querySelectorAll("body *")) {
    const box = e.getBoundingClientRect(), frame = e.closest(".scroll");
    if (box.right > wide + 1 && (!frame || frame === e)) out.push(e.tagName);
    const picture = e.tagName === "text" && e.closest("svg").getBoundingClientRect();
    if (picture && (box.right > picture.right + 1 || box.left < picture.left - 1)) out.push("text:" + e.textContent);
  }
  parent.postMessage({
    wide, scroll: document.documentElement.scrollWidth, out: out.slice(0, 9),
    cells: document.querySelectorAll(".cell").length,
    requests: performance.getEntriesByType("resource").map(e => e.name),
    background: getComputedStyle(document.body).backgroundColor }, "*");
});</script>]]

-- A window is never as narrow as a phone; a frame can be.
local FRAME = [[<!DOCTYPE html><body style="margin:0"><script>addEventListener("message", e =>
  document.documentElement.setAttribute("data-measured", JSON.stringify(e.data)))</script>
<iframe src="measured.html" style="border:0" width="%d" height="900"></iframe></body>]]

-- The browser has errands of its own: they are to fail here.
local ALONE = { "--host-resolver-rules=MAP * ~NOTFOUND", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--no-first-run" }

-- Runs the browser on a file; returns what it printed.
local function browse(path, more)
  local command = { "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
    "--window-size=1400,900", "--user-data-dir=" .. process.temporary_directory() }
  for _, list in ipairs({ ALONE, more }) do
    table.move(list, 1, #list, #command + 1, command)
  end
  command[#command + 1] = "file://" .. path
  return process.run({ command = command, seconds = 120 }).stdout
end

-- The same page, but it may run the one script that measures it, and would be allowed to load what it asks for.
local function measured(page, width, scheme)
  local folder = process.temporary_directory()
  local text = page:gsub('<meta http%-equiv="Content%-Security%-Policy"[^>]*>', "", 1)
  process.write_file(folder .. "/measured.html", (text:gsub("</body>", function()
    return MEASURE .. "</body>"
  end)))
  process.write_file(folder .. "/frame.html", FRAME:format(width))
  local dom = browse(folder .. "/frame.html",
    { "--dump-dom", "--virtual-time-budget=5000", "--blink-settings=preferredColorScheme=" .. scheme })
  local json = assert(dom:match('data%-measured="([^"]*)"'), "the browser measured nothing")
  return cjson.decode((json:gsub("&quot;", '"'):gsub("&amp;", "&")))
end

-- What a page asks for, from the log of the browser's network; without the browser's own errands.
local function asked_by(path)
  local log = process.temporary_directory() .. "/net.json"
  browse(path, { "--log-net-log=" .. log, "--net-log-capture-mode=Everything", "--dump-dom" })
  local asked, seen = {}, {}
  for line in process.read_file(log):gmatch("[^\n]+") do
    local url, by = line:match('"url":"(%a+:[^"]*)"'), line:match('"initiator":"([^"]*)"')
    if url and by and by ~= "not an origin" and not url:find("^data:") and not seen[url] then
      seen[url] = true
      asked[#asked + 1] = url
    end
  end
  return asked
end

describe("the page of HTML in a browser #heavy", function()
  local path, page

  setup(function()
    path = process.temporary_directory() .. "/page.html"
    local balancer = servers.haproxy({ backends = pools.start("nothing"), balance = "source" })
    local run = process.run({ command = { LUA, RESUM, "--resum", "--resum_rate", "--quiet", "--html_out", path,
      balancer.address, table.unpack(SOURCES) }, seconds = 120 })
    assert.same({ 0, "" }, { run.code, run.stderr })
    page = process.read_file(path)
    servers.stop_all()
  end)

  for name, width in pairs({ phone = 390, desktop = 1280 }) do
    it("fits a " .. name .. ", in light and in dark", function()
      local backgrounds = {}
      for scheme = 0, 1 do
        local found = measured(page, width, scheme)
        assert.equal(width, found.wide)
        assert.same({}, found.out)
        assert.same({}, found.requests)
        assert.is_true(found.scroll <= found.wide, ("%d pixels wide"):format(found.scroll))
        assert.is_true(found.cells > 300, "cells " .. found.cells)
        backgrounds[#backgrounds + 1] = found.background
      end
      assert.are_not.equal(backgrounds[1], backgrounds[2])
    end)
  end

  it("asks nobody for anything", function()
    assert.same({}, asked_by(path))
  end)

  it("would be found out if it did", function()
    local control = process.temporary_directory() .. "/control.html"
    process.write_file(control, '<img src="http://127.0.0.1:9/pixel.png">')
    assert.same({ "http://127.0.0.1:9/pixel.png" }, asked_by(control))
  end)
end)
