--- Published vectors of the PRF of TLS and of HKDF, as bytes.
--   TLS 1.2: the IETF TLS list, "TLS 1.2 PRF test vectors" (msg03416), P_SHA256 and P_SHA384;
--   TLS 1.0: the IETF TLS list, "PRF Testvector for the standard" (msg01589), and three handshakes that GnuTLS printed,
--   as Go's crypto/tls keeps them (an odd, an even and a long premaster secret); a secret of 13 bytes as OpenSSL has it
--   (openssl kdf -kdfopt digest:MD5-SHA1 -kdfopt hexsecret:… -kdfopt hexseed:… TLS1-PRF);
--   HKDF-Extract: RFC 5869, appendix A.1 to A.3.

local hex = require "spec.support.hex"

local M = {
  prf = {
    { hash = "sha256", label = "test label", secret = "9bbe436ba940f017b17652849a71db35",
      seed = "a0ba9f936cda311827a6f796ffd5198c", output = [[
        e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a6b301791e90d35c9c9a46b4e14baf9af
        0fa022f7077def17abfd3797c0564bab4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff701
        87347b66]] },
    { hash = "sha384", label = "test label", secret = "b80b733d6ceefcdc71566ea48e5567df",
      seed = "cd665cf6a8447dd6ff8b27555edb7465", output = [[
        7b0c18e9ced410ed1804f2cfa34a336a1c14dffb4900bb5fd7942107e81c83cde9ca0faa60be9fe34f82b1233c9146a0
        e534cb400fed2700884f9dc236f80edd8bfa961144c9e8d792eca722a7b32fc3d416d473ebc2c5fd4abfdad05d918425
        9b5bf8cd4d90fa0d31e2dec479e4f1a26066f2eea9a69236a3e52655c9e9aee691c8f3a26854308d5eaa3be85e099070
        3d73e56f]] },
    { hash = "md5_sha1", label = "PRF Testvector", secret = ("ab"):rep(48), seed = ("cd"):rep(64), output = [[
        d3d4d1e349b5d515044666d51de32bab258cb521b6b053463e354832fd976754443bcf9a296519bc289abcbc1187e4eb
        d31e602353776c408aafb74cbc85eff69255f9788faa184cbb957a9819d84a5d7eb006eb459d3ae8de9810454b8b2d8f
        1afbc655a8c9a013]] },
    { hash = "md5_sha1", label = "master secret",
      secret = "0302cac83ad4b1db3b9ab49ad05957de2a504a634a386fc600889321e1a971f57479466830ac3e6f468e87f5385fa0c5",
      seed = [[4ae66303755184a3917fcb44880605fcc53baa01912b22ed94473fc69cebd558
        4ae663020ec16e6bb5130be918cfcafd4d765979a3136a5d50c593446e4e44db]],
      output = "3d851bab6e5556e959a16bc36d66cfae32f672bfa9ecdef6096cbb1b23472df1da63dbbd9827606413221d149ed08ceb" },
    { hash = "md5_sha1", label = "master secret", secret = [[
        832d515f1d61eebb2be56ba0ef79879efb9b527504abb386fb4310ed5d0e3b1f220d3bb6b455033a2773e6d8bdf951d2
        78a187482b400d45deb88a5d5a6bb7d6a7a1decc04eb9ef0642876cd4a82d374d3b6ff35f0351dc5d411104de4313753
        55addc39bfb1f6329fb163b0bc298d658338930d07d313cd980a7e3d9196cac1]],
      seed = [[4ae663b2ee389c0de147c509d8f18f5052afc4aaf9699efe8cb05ece883d3a5e
        4ae664d503fd4cff50cfc1fb8fc606580f87b0fcdac9554ba0e01d785bdf278e]],
      output = "1aff2e7a2c4279d0126f57a65a77a8d9d0087cf2733366699bec27eb53d5740705a8574bb1acc2abbe90e44f0dd28d6c" },
    { hash = "md5_sha1", label = "key expansion", secret = "0102030405060708090a0b0c0d", seed = "a1a2a3a4a5a6a7a8",
      output = "e86d8e2174fb2b0b957ee80ebfb16a09362ab1f4" },
    -- client and server MAC keys, client and server keys: the seed is the other way round (RFC 2246, section 6.3)
    { hash = "md5_sha1", label = "key expansion",
      secret = "1aff2e7a2c4279d0126f57a65a77a8d9d0087cf2733366699bec27eb53d5740705a8574bb1acc2abbe90e44f0dd28d6c",
      seed = [[4ae664d503fd4cff50cfc1fb8fc606580f87b0fcdac9554ba0e01d785bdf278e
        4ae663b2ee389c0de147c509d8f18f5052afc4aaf9699efe8cb05ece883d3a5e]], output = [[
        3c7647c93c1379a31a609542aa44e7f117a700850d73102994be74a575a3ead8532590ca32a526d4
        ac7581b0b6c10d85bbd905ffbf36c65eff07edde49682b45466bd2e39464b306]] },
  },
  extract = {
    { salt = "000102030405060708090a0b0c", key = ("0b"):rep(22),
      output = "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5" },
    { salt = [[606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f808182838485868788898a8b8c8d8e8f
        909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeaf]],
      key = [[000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f
        303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f]],
      output = "06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244" },
    { salt = "", key = ("0b"):rep(22),
      output = "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04" },
  },
}

for _, list in pairs(M) do
  for _, vector in ipairs(list) do
    for _, name in ipairs { "secret", "seed", "salt", "key", "output" } do
      vector[name] = vector[name] and hex.bytes(vector[name])
    end
  end
end

return M
