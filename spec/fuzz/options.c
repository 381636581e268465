/* Fuzzes what reads a caller's tables: the options of client_hello, probe, context and session. A
 * wrong one is an argument error, and nothing else; a ClientHello that was written can be read. The
 * first byte chooses the function; options follow, each a byte for its name and a value.
 */
#include "fuzz.h"

#include <string.h>

enum { MOST_OPTIONS = 16, MOST_ENTRIES = 8 };

static const char *const functions[] = {"client_hello", "probe", "context", "session"};

static const char *const names[] = {"server_name",
                                    "alpn",
                                    "legacy_version",
                                    "random",
                                    "session_id",
                                    "ciphers",
                                    "extensions",
                                    "versions",
                                    "groups",
                                    "psk_modes",
                                    "ticket",
                                    "signature_algorithms",
                                    "version",
                                    "key_shares",
                                    "psks",
                                    "session",
                                    "sessions",
                                    "ticket_age_s",
                                    "key_share",
                                    "tickets",
                                    "proof",
                                    "early_data",
                                    "max_bytes",
                                    "obfuscated_ticket_age",
                                    "alter_binder",
                                    "binders",
                                    "min_version",
                                    "max_version",
                                    "ciphersuites",
                                    "sigalgs",
                                    "key_form",
                                    "cipher",
                                    "secret",
                                    "id",
                                    "lifetime_s",
                                    "age_add",
                                    "max_early_data",
                                    "time_s",
                                    "extended_master_secret",
                                    "dhe",
                                    "max_dh_bits",
                                    "large_groups",
                                    "misspelt"};

/* Words that mean something to some option. */
static const char *const words[] = {
    "TLSv1.0",     "TLSv1.2",  "TLSv1.3",   "SSLv3",      "TLS_AES_128_GCM_SHA256",
    "X25519",      "P-256",    "ffdhe2048", "psk_dhe_ke", "psk_ke",
    "server_name", "alpn",     "key_share", "random",     "base_point",
    "hello",       "finished", "h2",        "ALL",        "pem"};

/* Fields of the tables in a list: {type, body}, {group, share}, {identity, binder, …}. */
static const char *const fields[] = {
    "type", "body", "group", "share", "identity", "binder", "obfuscated_ticket_age"};

static void push_scalar(lua_State *L, rs_reader *r) {
  const unsigned kind = rs_read_u8(r);
  rs_reader text;
  switch (kind % 6) {
  case 0:
    text = rs_read_vector(r, kind & 0x80 ? 2 : 1);
    lua_pushlstring(L, text.at ? (const char *)text.at : "", text.left);
    break;
  case 1:
    lua_pushstring(L, words[rs_read_u8(r) % (sizeof words / sizeof words[0])]);
    break;
  case 2:
    lua_pushinteger(L, rs_read_u16(r));
    break;
  case 3:
    lua_pushinteger(L, (lua_Integer)(rs_read_u32(r) | (uint64_t)rs_read_u8(r) << 32));
    break;
  case 4:
    lua_pushboolean(L, (kind & 0x80) != 0);
    break;
  default:
    lua_pushnumber(L, rs_read_u16(r) / 7.0);
    break;
  }
}

static void push_entry(lua_State *L, rs_reader *r) {
  unsigned set = rs_read_u8(r);
  if (!(set & 1)) {
    push_scalar(L, r);
    return;
  }
  lua_newtable(L);
  for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
    if ((set >>= 1) & 1) {
      push_scalar(L, r);
      lua_setfield(L, -2, fields[i]);
    }
}

static void push_value(lua_State *L, rs_reader *r) {
  static const char *const sessions[] = {"id12", "ticket12", "psk13"};
  const unsigned kind = rs_read_u8(r), count = (kind >> 4) % MOST_ENTRIES;
  switch (kind % 4) {
  case 0:
    push_scalar(L, r);
    break;
  case 1:
    fuzz_push_session(L, sessions[(kind >> 2) % 3]);
    break;
  default:
    lua_newtable(L);
    for (unsigned i = 1; i <= count; i++) {
      if (kind % 4 == 2)
        push_entry(L, r);
      else
        fuzz_push_session(L, sessions[rs_read_u8(r) % 3]);
      lua_rawseti(L, -2, i);
    }
    break;
  }
}

/* What was written is read again, as one ClientHello. */
static void read_again(lua_State *L) {
  lua_getfield(L, 1, "parse");
  lua_pushvalue(L, 2);
  fuzz_call(L, 1, 1);
  fuzz_check(lua_rawlen(L, -1) == 1, "more than one message was written");
  lua_rawgeti(L, -1, 1);
  lua_getfield(L, -1, "type");
  fuzz_check(strcmp(lua_tostring(L, -1), "client_hello") == 0, "no ClientHello was written");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  lua_State *L = fuzz_state();
  rs_reader r = rs_reader_of(data, size);
  const char *function = functions[rs_read_u8(&r) % (sizeof functions / sizeof functions[0])];
  lua_getfield(L, 1, function);
  lua_newtable(L);
  for (unsigned i = 0; r.left > 0 && i < MOST_OPTIONS; i++) {
    const char *name = names[rs_read_u8(&r) % (sizeof names / sizeof names[0])];
    push_value(L, &r);
    lua_setfield(L, -2, name);
  }
  if (!fuzz_try(L, 1, 1))
    return 0;
  if (function == functions[0])
    read_again(L);
  else if (lua_isuserdata(L, 2))
    fuzz_method(L, 2, "close", 0, 0);
  return 0;
}
