/* resum.session, and what others take from a session (session.c). */
#ifndef RESUM_LUA_SESSION_H
#define RESUM_LUA_SESSION_H

#include "compat.h"
#include "tls/parts.h"
#include "tls/schedule.h"

#include <openssl/ssl.h>

/* Pushes an empty session and returns the place that owns what is put there. */
SSL_SESSION **rs_session_push(lua_State *L);
/* The option's session, borrowed; NULL when it was not given. */
SSL_SESSION *rs_session_option(lua_State *L, int arg, const char *name);
/* Raises where what stands on top, the i-th of that option's list, is no open session. */
void rs_session_entry(lua_State *L, int arg, const char *name, int i);

/* The parts of the session at that argument, read once; they live as long as it does. */
const rs_session_parts *rs_session_parts_of(lua_State *L, int arg);

/* The key schedule that the session's secret begins as a PSK, computed once; NULL when libcrypto
 * failed. */
const rs_psk_schedule *rs_session_schedule(lua_State *L, int arg, rs_tools *tools, rs_hash hash);

/* Puts the constructor into the module table on top. */
void rs_open_session(lua_State *L);

#endif
