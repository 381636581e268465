/* What the fuzz targets with Lua share (fuzz.c): a Lua state with resum.core, calls that must not
 * raise, and the sessions that corpus.lua made. An input is a few bytes that choose, then what the
 * peer sends.
 */
#ifndef SPEC_FUZZ_H
#define SPEC_FUZZ_H

#include "check.h"
#include "lua/compat.h"
#include "tls/wire.h"

/* The Lua state, made once; the table of resum.core is at 1, and nothing above it. */
lua_State *fuzz_state(void);
/* Calls what stands below its arguments. An error raised is a finding: it ends the process. */
void fuzz_call(lua_State *L, int arguments, int results);
/* The same where an error may be raised, as a string: then 0, and it is gone. */
int fuzz_try(lua_State *L, int arguments, int results);
/* Calls a method of the object at that place, with the arguments on top. */
void fuzz_method(lua_State *L, int object, const char *name, int arguments, int results);
/* Pushes one of corpus.lua's sessions ("id12", "ticket12", "psk13"), made once. */
void fuzz_push_session(lua_State *L, const char *name);
/* Feeds a machine (a handshake) at that place, `chunk` bytes at once (0: all), and looks
 * at every answer. `before` is called before each step, where it isn't NULL. */
void fuzz_feed(lua_State *L, int machine, rs_reader stream, size_t chunk, void (*before)(void));
/* Asks a machine for all that it knows, ends it and closes it. */
void fuzz_finish(lua_State *L, int machine, int with_eof);

#endif
