--- Where keys changed while the rate was measured, so that the oldest session was refused and newer ones resumed, the
-- JSON said "not_supported" and --expect held psk=not_supported for true, beside "partially supported" in CSV, JUnit,
-- SARIF and metrics. One verdict is in all of them.

local cjson = require "cjson"
local conclusion = require "resum.analysis.conclusion"
local pki = require "spec.support.pki"
local process = require "spec.support.process"

local resum = process.resum

-- A server that begins anew with another key after every six connections.
local SERVER = [[
import socket, ssl, sys
def fresh():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[1], sys.argv[2])
    return context
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
count = 0
while True:
    connection, _ = listener.accept()
    context = fresh() if count % 6 == 0 else context
    count += 1
    try:
        connection.settimeout(5)
        with context.wrap_socket(connection, server_side=True) as tls:
            tls.recv(1000)
            tls.sendall(b"HTTP/1.0 200 OK\r\n\r\n")
    except OSError:
        connection.close()
]]

local function never(more)
  local one = { verdict = "not_supported", reason = "issued_not_accepted", attempted = 9, resumed = 0, refused = 9 }
  for name, value in pairs(more or {}) do
    one[name] = value
  end
  return one
end

local AT_TIMES = { "partially_supported", "issued_not_always_accepted" }

local function settled(entry, scan, name)
  conclusion.settle(entry)
  return { entry[scan][name].verdict, entry[scan][name].reason }
end

describe("never accepted", function()
  for what, entry in pairs({
    ["a browser's tickets resume"] = { rate = { psk = never() }, browser = { resumed = 1 } },
    ["newer sessions resume"] = { rate = { psk = never() },
      balancer = { mechanisms = { psk = { designs = { newest = { resumed = 1 } } } } } },
    ["they resumed in the support scan"] = { rate = { psk = never() }, support = { psk = { resumed = 1 } } },
  }) do
    it("is not said of the rate where " .. what, function()
      assert.same(AT_TIMES, settled(entry, "rate", "psk"))
      assert.equal("partially_supported", conclusion.judged(entry, "psk").verdict)
    end)
  end

  it("is not said of the support scan where the rate says otherwise", function()
    assert.same(AT_TIMES, settled({ support = { ticket = never() }, rate = { ticket = { resumed = 30 } } }, "support",
      "ticket"))
  end)

  it("stays where nothing resumes, or another mechanism does", function()
    local entry = { rate = { ticket = never(), psk = never({ resumed = 0 }) }, support = { ticket = never() },
      browser = { resumed = 0 } }
    assert.same({ "not_supported", "issued_not_accepted" }, settled(entry, "rate", "psk"))
    entry.browser.resumed = 3
    assert.same({ "not_supported", "issued_not_accepted" }, settled(entry, "support", "ticket"))
  end)
end)

describe("a server whose keys change all the time", function()
  local folder, server = process.temporary_directory(), nil

  setup(function()
    local identity = pki.get("ecdsa")
    server = process.start({ command = { "python3", "-c", SERVER, identity.certificate, identity.key } })
    assert(process.wait_until(process.PATIENCE, function() return server.stdout():find("\n") end), server.stderr())
  end)

  teardown(function()
    server.stop()
  end)

  it("has one verdict in all reports, and for --expect", function()
    local words = { "--resum_rate", "--mechanisms", "psk", "--attempts", "20", "--concurrency", "1",
      "--expect", "psk=partially_supported" }
    for _, format in ipairs({ "json", "csv", "junit", "sarif", "openmetrics", "html" }) do
      words[#words + 1], words[#words + 2] = ("--%s_out"):format(format), ("%s/%s"):format(folder, format)
    end
    words[#words + 1] = "127.0.0.1:" .. server.stdout():match("%d+")
    local run = resum(table.unpack(words))
    assert.equal(0, run.code, run.stderr)
    local rate = cjson.decode(process.read_file(folder .. "/json")).targets[1].addresses[1].rate.psk
    assert.same(AT_TIMES, { rate.verdict, rate.reason })
    for format, said in pairs({ csv = ",partially_supported,issued_not_always_accepted,", junit = "partially supported",
      sarif = "partially supported", openmetrics = 'mechanism="psk"} 0.5\n' }) do
      assert.is_truthy(process.read_file(folder .. "/" .. format):find(said, 1, true), format)
    end
    assert.is_nil(process.read_file(folder .. "/html"):find("never accepted", 1, true))
  end)
end)
