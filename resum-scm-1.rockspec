rockspec_format = "3.0"
package = "resum"
version = "scm-1"
source = {
  url = "git+file://.",
}
description = {
  summary = "Does TLS session resumption really work there, how often, and why not?",
  license = "MIT",
}
dependencies = {
  "lua >= 5.3, < 5.5",
  "luv",
  "lua-cjson",
  "argparse",
}
external_dependencies = {
  OPENSSL = { header = "openssl/ssl.h" },
}
build = {
  type = "make",
  build_target = "all",
  variables = {
    LUA = "$(LUA)", -- its version is that of the build
  },
  build_variables = {
    CFLAGS = "$(CFLAGS)",
  },
  install_variables = {
    SHARE = "$(LUADIR)",
    LIBRARY = "$(LIBDIR)",
    COMMAND = "$(BINDIR)/resum",
    MANUAL = "$(PREFIX)/man/resum.1",
  },
}
