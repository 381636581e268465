--- One wrong passphrase in 256, or none, leaves bytes whose padding happens to be right; what is no key then was told
-- as "encrypted in a way that OpenSSL 3 leaves to its legacy provider" (seen on Ubuntu 24.04, by chance).

local core = require "resum.core"
local hex = require "spec.support.hex"
local pki = require "spec.support.pki"
local process = require "spec.support.process"

-- A key in DER, encrypted with "secret", whose padding is right for the empty passphrase as well.
local UNPADS = hex.bytes(
  "3081eb305606092a864886f70d01050d3049302806092a864886f70d01050c301b04084a7b1ec5664e3f29020101300c" ..
  "06082a864886f70d02090500301d060960864801650304012a0410d5848f6f60c20fddca467f33e481bca40481905243" ..
  "78ad5f721e470de1c01263d6fca65038728b75c3af5c6f295b14b48d9852044c4db0e0be13f5a54724e80f335e7e35e4" ..
  "4b80f5e35c3038167cfac931bcb446a04a4a8720b0ab63d0742522cc846ef61b41e4123edb4d6b0d8bf9487fbd9bd3b4" ..
  "37fb71120b66f868fb26cfea27150335cf73fa89c4f6a46a87f0aa608c1fb11b4bed12f83498fc3142aa9bbda004"
)

-- Keys that nothing else uses, encrypted with "secret", and three of the wrong passphrases "wrong1" and so on whose
-- padding is right. (openssl tells them from others: the error that it prints is not "bad decrypt".)
local WRONG = {
  ["of PKCS#8 in DER"] = { unpad = { 182, 198, 801 }, key = hex.bytes(
    "3081eb305606092a864886f70d01050d3049302806092a864886f70d01050c301b0408ce33ab943c98edf7020101300c" ..
    "06082a864886f70d02090500301d060960864801650304012a041067a13558ea32ae38545d8dad185a4cd1048190a060" ..
    "387f690a8cba2c0274bd8fe2798a60a7cb3cdd34c6bb4c03c31a17d8fb1df50f7d18aaacbc4663abfb12797e237f64dc" ..
    "5ff2d7e87d7aa2ce32dfcfd4926dae974e6d35ee0d00a6cf08d033f36e1c1825187f8534500fce4fa6975a19e198358b" ..
    "2b77dfaee079bc3fd64dba5febfb54f9d7ae9d38941696f35ce3e548edd45e5921956c99e819b3f459074c6111af"
  ) },
  ["of PKCS#8 in PEM"] = { unpad = { 157, 219, 537 }, key = [[
-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHrMFYGCSqGSIb3DQEFDTBJMCgGCSqGSIb3DQEFDDAbBAg8lZFV4IpuKAIBATAM
BggqhkiG9w0CCQUAMB0GCWCGSAFlAwQBKgQQsLsz9+NH/TBsgBMvOuXbQASBkIHu
Kcffp/JHzaVp/h8h+lHiMj9qWRgWFt8jsvFi8jkUfm8g5Ec2Ax4Q/wcGThZFFgpe
j+9spTfnixCcE3XwQX7fPULecIqe0lb3RJgxDUmg6hXWk3jPUAT2woZYSvPb+tBF
Ebm24APPq/efUHs+6kKANUOeWRrnmE//3oxz/ypLuPVBW8vvcK8Mltwrh/GQUA==
-----END ENCRYPTED PRIVATE KEY-----
]] },
  ["of OpenSSL's own form in PEM"] = { unpad = { 43, 903, 1035 }, key = [[
-----BEGIN EC PRIVATE KEY-----
Proc-Type: 4,ENCRYPTED
DEK-Info: AES-256-CBC,712E0505C9BA4728D5CF1509684D7D0A

z/QI2Q6Yz3h3nNpes0L3UROZql08HljVVL9EyRVGY6deOUdE/7NrFAdbOwhG4wp6
y8FuWLomlYE93mKcrAZ3H9U37sehmkhnpK1WRcy1Q7iByEV6S2TDvAaKtptumtHS
wVoNczrBTxCHLtEKFHh1rJPd9E45ROcoBT6EJa7baPQ=
-----END EC PRIVATE KEY-----
]] },
}

describe("an encrypted key", function()
  local client, folder

  setup(function()
    client, folder = pki.get("client"), process.temporary_directory()
  end)

  -- An openssl command's key, encrypted with "secret".
  local function encrypted(...)
    local path = folder .. "/key"
    local words = { "openssl" }
    table.move({ ... }, 1, select("#", ...), 2, words)
    table.move({ "-in", client.key, "-passout", "pass:secret", "-out", path }, 1, 6, #words + 1, words)
    local made = process.run({ command = words })
    assert.equal(0, made.code, made.stderr)
    return process.read_file(path)
  end

  local function said(key, passphrase)
    local context, message = core.context({ certificate = client.certificate_pem, private_key = key,
      passphrase = passphrase })
    return context and "opened" or message
  end

  for name, wrong in pairs(WRONG) do
    it(name .. " has its wrong passphrases told, whatever they make of it", function()
      for _, number in ipairs({ 1, 2, 3, table.unpack(wrong.unpad) }) do
        assert.equal("private_key: the passphrase does not open it", said(wrong.key, "wrong" .. number))
      end
    end)
  end

  -- One round of the function that makes a key of a passphrase takes no time.
  for name, command in pairs({
    ["of PKCS#8 in DER"] = { "pkcs8", "-topk8", "-iter", "1", "-outform", "DER" },
    ["of PKCS#8 in PEM"] = { "pkcs8", "-topk8", "-iter", "1" },
    ["of OpenSSL's own form in PEM"] = { "pkey", "-aes256", "-traditional" },
  }) do
    it(name .. " is opened by its own passphrase", function()
      assert.equal("opened", said(encrypted(table.unpack(command)), "secret"))
    end)
  end

  it("has the absence of a passphrase told, whatever that makes of it", function()
    assert.equal("private_key: it is encrypted, and no passphrase was given", said(UNPADS))
    assert.equal("private_key: the passphrase does not open it", said(UNPADS, ""))
  end)

  it("of an algorithm that OpenSSL leaves to its legacy provider is told as that", function()
    for _, form in ipairs({ "PEM", "DER" }) do
      local key = encrypted("pkcs8", "-topk8", "-v1", "PBE-MD5-DES", "-provider", "legacy", "-provider", "default",
        "-outform", form)
      for _, passphrase in ipairs({ "secret", "wrong" }) do
        assert.equal("private_key: it is encrypted in a way that OpenSSL 3 leaves to its legacy provider",
          said(key, passphrase))
      end
    end
  end)
end)
