/* Names of the protocol's numbers, and back (names.c). Static strings. */
#ifndef RESUM_TLS_NAMES_H
#define RESUM_TLS_NAMES_H

/* NULL for a number that has no name. */
const char *rs_version_name(unsigned version);
const char *rs_cipher_name(unsigned cipher);
const char *rs_group_name(unsigned group);
const char *rs_message_name(unsigned type);
const char *rs_extension_name(unsigned type);
/* "unknown alert" for one that has none. */
const char *rs_alert_name(unsigned alert);
/* Whether the suite's ServerKeyExchange starts with a curve (RFC 8422, section 5.4). */
int rs_cipher_names_curve(unsigned cipher);

/* Numbers of names, or RS_NO_NUMBER. */
#define RS_NO_NUMBER 0x10000u
unsigned rs_version_number(const char *name);
unsigned rs_cipher_number(const char *name);
unsigned rs_group_number(const char *name);
unsigned rs_extension_number(const char *name);

#endif
