/* What session:finds() is made of (ticket.c). */
#ifndef RESUM_LUA_TICKET_H
#define RESUM_LUA_TICKET_H

#include "compat.h"
#include "tls/parts.h"

/* Pushes how the bytes give away the session's secret, as a table, or nil; by the plan at that
 * place of the stack, which may be none. */
void rs_push_ticket_find(lua_State *L, const rs_session_parts *parts, rs_bytes ticket, int plan);
/* Pushes what two sessions' tickets or secrets have in common, as a table without index, or nil. */
void rs_push_ticket_compared(lua_State *L, const rs_session_parts *parts,
                             const rs_session_parts *other);

#endif
