/* Names of the protocol's numbers (names.c). The push functions leave one string. */
#ifndef RESUM_NAMES_H
#define RESUM_NAMES_H

#include "compat.h"
#include "wire.h"

const char *rs_version_name(unsigned version); /* NULL when it has none */
unsigned rs_version_number(const char *name);  /* 0 when there is none of that name */
const char *rs_alert_name(unsigned alert);
/* Whether the suite's ServerKeyExchange starts with a curve (RFC 8422, section 5.4). */
int rs_cipher_names_curve(unsigned cipher);

/* Numbers of names, or RS_NO_NUMBER. */
#define RS_NO_NUMBER 0x10000u
unsigned rs_cipher_number(const char *name);
unsigned rs_group_number(const char *name);
unsigned rs_extension_number(const char *name);
/* What stands at that place of the stack: a number below 65536, or a name. RS_NO_NUMBER for
 * anything else. */
unsigned rs_number_at(lua_State *L, int index, unsigned (*number_of)(const char *));

void rs_push_version(lua_State *L, unsigned version);
void rs_push_cipher(lua_State *L, unsigned cipher);
void rs_push_group(lua_State *L, unsigned group);
void rs_push_message(lua_State *L, unsigned type);
void rs_push_extension(lua_State *L, unsigned type);

#endif
