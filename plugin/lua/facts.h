/* Facts of a transcript as Lua values (facts.c). */
#ifndef RESUM_LUA_FACTS_H
#define RESUM_LUA_FACTS_H

#include "compat.h"
#include "tls/transcript.h"

/* Pushes a message about the server's fatal alert, and "alert". Returns 2, or 0 where there was
 * none. */
int rs_facts_push_alert(lua_State *L, const rs_transcript *t);
/* Pushes { {from, type, bytes} … }. */
void rs_facts_push_messages(lua_State *L, const rs_transcript *t);
/* Sets what the messages say as fields of the table on top; RS_FACTS is room for those of nearly
 * all connections, with what the engines add. */
enum { RS_FACTS = 32 };
void rs_facts_set(lua_State *L, const rs_transcript *t);

#endif
