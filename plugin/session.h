/* What the probe takes from a session (session.c). */
#ifndef RESUM_SESSION_H
#define RESUM_SESSION_H

#include "compat.h"
#include "der.h"
#include "keys.h"

/* The parts of the session at that argument, read once; they live as long as it does. */
const rs_session_parts *rs_session_parts_of(lua_State *L, int arg);

/* The key schedule that the session's secret begins as a PSK, computed once; NULL when libcrypto
 * failed. */
const rs_psk_schedule *rs_session_schedule(lua_State *L, int arg, rs_tools *tools, rs_hash hash);

#endif
