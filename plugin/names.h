/* Names of the protocol's numbers (names.c). The push functions leave one string. */
#ifndef RESUM_NAMES_H
#define RESUM_NAMES_H

#include "compat.h"

const char *rs_version_name(unsigned version); /* NULL when it has none */
unsigned rs_version_number(const char *name);  /* 0 when there is none of that name */
const char *rs_alert_name(unsigned alert);
/* Whether the suite's ServerKeyExchange starts with a curve (RFC 8422, section 5.4). */
int rs_cipher_names_curve(unsigned cipher);

void rs_push_version(lua_State *L, unsigned version);
void rs_push_cipher(lua_State *L, unsigned cipher);
void rs_push_group(lua_State *L, unsigned group);
void rs_push_message(lua_State *L, unsigned type);

#endif
