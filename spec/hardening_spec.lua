--- The module as it was built: it reads hostile bytes inside of somebody else's process, so what a compiler and linker
-- can do against an overflow has to be in the file itself, whoever's flags it was built with.

local process = require "spec.support.process"

local BUILD = os.getenv("RESUM_BUILD")
local IS_SANITIZED = BUILD:match("%-san$") ~= nil -- no _FORTIFY_SOURCE then: the sanitizer checks more than it

local function output_of(command)
  local result = process.run { command = command }
  assert.equal(0, result.code, result.stderr)
  return result.stdout
end

-- What a shared object lacks, as checksec(1) would say it: of the linker's work, and of the compiler's, which shows
-- only where there is a buffer to protect.
local function weakly_linked(path)
  local found = {}
  local function expect(holds, what)
    found[#found + 1] = not holds and what or nil
  end
  local segments, dynamic = output_of { "readelf", "-lW", path }, output_of { "readelf", "-dW", path }
  expect(segments:match("\n%s*GNU_RELRO%s"), "no RELRO")
  expect(dynamic:match("%(FLAGS%)[^\n]*BIND_NOW") or dynamic:match("%(FLAGS_1%)[^\n]*NOW"), "no BIND_NOW")
  expect(segments:match("\n%s*GNU_STACK[^\n]-%sRW%s"), "an executable stack")
  expect(not dynamic:match("%(TEXTREL%)"), "relocations in its text")
  expect(not dynamic:match("%(R[UN]*PATH%)"), "a path of its own to libraries")
  return found
end

local function weakly_compiled(path)
  local protected, fortified = false, false
  for symbol in output_of({ "nm", "-D", "--undefined-only", path }):gmatch(" [Uw] ([%w_]+)") do
    protected = protected or symbol == "__stack_chk_fail"
    fortified = fortified or symbol:match("^__%w+_chk$") ~= nil
  end
  local found = {}
  found[#found + 1] = not protected and "no stack protector" or nil
  found[#found + 1] = not fortified and not IS_SANITIZED and "no _FORTIFY_SOURCE" or nil
  return found
end

describe("the module", function()
  for _, version in ipairs { "5.4", "5.3" } do
    local build = BUILD:gsub("%d%.%d", version)

    it("has full RELRO, a stack protector, and checked functions of libc, for Lua " .. version, function()
      assert.same({}, weakly_linked(build .. "/resum/core.so"))
      assert.same({}, weakly_compiled(build .. "/resum/core.so"))
    end)

    it("has company that is linked in the same way, for Lua " .. version, function()
      local found, checked = output_of { "find", build .. "/resum", "-name", "*.so" }, 0
      for path in found:gmatch("[^\n]+") do
        checked = checked + 1
        assert.same({}, weakly_linked(path), path)
      end
      assert.is_true(checked > 1)
    end)
  end
end)

-- Runs the compiler, which does not live under a sanitizer.
describe("a build #unsanitized", function()
  local CC = os.getenv("CC") or "cc"

  it("that lacks all of it would be seen", function()
    local folder = process.temporary_directory()
    process.write_file(folder .. "/weak.c", "#include <string.h>\nvoid use(char *);\n"
      .. "void weak(const char *text) {\n  char room[16];\n  strcpy(room, text);\n  use(room);\n}\n")
    output_of { CC, "-shared", "-fPIC", "-O0", "-fno-stack-protector", "-U_FORTIFY_SOURCE", "-Wl,-z,norelro,-z,lazy",
      "-Wl,-z,execstack", "-Wl,-rpath,/nowhere", "-o", folder .. "/weak.so", folder .. "/weak.c" }
    assert.same({ "no RELRO", "no BIND_NOW", "an executable stack", "a path of its own to libraries" },
      weakly_linked(folder .. "/weak.so"))
    assert.same({ "no stack protector", "no _FORTIFY_SOURCE" }, weakly_compiled(folder .. "/weak.so"))
  end)

  -- With RS_FUZZ_WITHOUT_PROOFS every MAC and Finished is right.
  it("without proofs is no build, unless it is one for fuzzing", function()
    local include = {}
    for flag in output_of({ "pkg-config", "--cflags", "libcrypto" }):gmatch("%S+") do
      include[#include + 1] = flag
    end
    for _, name in ipairs { "crypto", "record" } do
      local function compile(...)
        local path = ("%s/plugin/tls/%s.c"):format(process.ROOT, name)
        return process.run {
          command = { CC, "-std=c99", "-fsyntax-only", path, "-DRS_FUZZ_WITHOUT_PROOFS", ..., table.unpack(include) },
        }
      end
      local refused = compile("-O2")
      assert.is_true(refused.code ~= 0)
      assert.matches("it is for fuzzing builds alone", refused.stderr)
      assert.equal(0, compile("-DFUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION").code)
    end
  end)
end)
