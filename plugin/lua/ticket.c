/* session:finds(): what it takes and gives, in Lua's terms. The search itself is in tls/ticket.c;
 * nothing that it finds leaves but names, lengths and places.
 */
#include "ticket.h"

#include "guard.h"
#include "options.h"
#include "push.h"
#include "tls/ticket.h"

#include <openssl/crypto.h>

enum { MOST_KEYS = 1024, MOST_PLACES = 8, LARGEST_PLACE = 4096 };

/* What is looked for, and where; both borrowed. */
typedef struct {
  rs_bytes ticket, secret;
} ticket_search;

#define TRIALS "resum.trials" /* a class without methods: it frees them, whatever happens */

static int ticket_free_trials(lua_State *L) {
  rs_ticket_trials_close((rs_ticket_trials *)lua_touserdata(L, 1));
  return 0;
}

static rs_ticket_trials *ticket_push_trials(lua_State *L) {
  rs_ticket_trials *trials = (rs_ticket_trials *)lua_newuserdatauv(L, sizeof *trials, 0);
  memset(trials, 0, sizeof *trials);
  if (luaL_newmetatable(L, TRIALS))
    rs_set_function(L, "__gc", ticket_free_trials);
  lua_setmetatable(L, -2);
  if (!rs_ticket_trials_open(trials))
    luaL_error(L, "not enough memory");
  return trials;
}

/* The plan's list of places; each at which something is known to begin may be an IV's, too. */
static void ticket_read_places(lua_State *L, int plan, rs_ticket_trials *trials) {
  if (rs_option_push(L, plan, "offsets") != LUA_TNIL) {
    if (!lua_istable(L, -1))
      rs_option_wrong(L, plan, "offsets", "table");
    for (int i = 1; i <= MOST_PLACES && lua_rawgeti(L, -1, i) != LUA_TNIL; i++) {
      const lua_Integer place = lua_tointeger(L, -1);
      if (lua_isinteger(L, -1) && place >= 0 && place <= LARGEST_PLACE)
        rs_ticket_trials_add(trials, (size_t)place);
      lua_pop(L, 1);
    }
  }
  lua_settop(L, plan + 1); /* the trials stay */
}

/* The i-th key of the list on top: pushes its name and its bytes; 0 at the end. */
static int ticket_next_key(lua_State *L, lua_Integer i, rs_bytes *key) {
  if (lua_rawgeti(L, -1, i) == LUA_TNIL) {
    lua_pop(L, 1);
    return 0;
  }
  size_t length = 0;
  luaL_argcheck(L, lua_istable(L, -1), 3, "option 'keys': entries are {name, bytes}");
  lua_rawgeti(L, -1, 1);
  lua_rawgeti(L, -2, 2);
  luaL_argcheck(L, lua_type(L, -2) == LUA_TSTRING && lua_type(L, -1) == LUA_TSTRING, 3,
                "option 'keys': entries are {name, bytes}");
  key->bytes = (const unsigned char *)lua_tolstring(L, -1, &length);
  key->length = length;
  lua_remove(L, -3);
  return 1;
}

static void ticket_push_opened(lua_State *L, const rs_ticket_layout *layout) {
  rs_set_string(L, "how", "key");
  rs_set_string(L, "cipher", layout->cipher);
  if (layout->iv_offset != RS_NOWHERE)
    rs_set_integer(L, "iv_offset", (lua_Integer)layout->iv_offset);
  rs_set_integer(L, "ciphertext_offset", (lua_Integer)layout->ciphertext_offset);
  rs_set_integer(L, "offset", (lua_Integer)layout->offset);
}

/* Tries one key, whose name stands below the top: pushes the table, or returns 0. */
static int ticket_try_to_open(lua_State *L, rs_ticket_trials *trials, const ticket_search *search,
                              rs_bytes key) {
  rs_ticket_layout layout;
  if (!rs_ticket_opens(trials, search->ticket, search->secret, key, &layout))
    return 0;
  lua_newtable(L);
  ticket_push_opened(L, &layout);
  return 1;
}

static int ticket_try_to_sign(lua_State *L, rs_ticket_trials *trials, const ticket_search *search,
                              rs_bytes key) {
  const char *mac = rs_ticket_is_signed(trials, search->ticket, key);
  if (!mac)
    return 0;
  lua_newtable(L);
  rs_set_string(L, "how", "mac");
  rs_set_string(L, "mac", mac);
  return 1;
}

typedef int (*ticket_try)(lua_State *L, rs_ticket_trials *trials, const ticket_search *search,
                          rs_bytes key);

/* Tries all keys of the list on top: pushes what the first hit found, or returns 0. */
static int ticket_try_keys(lua_State *L, rs_ticket_trials *trials, const ticket_search *search,
                           ticket_try try_key) {
  rs_bytes key;
  for (lua_Integer i = 1; i <= MOST_KEYS && ticket_next_key(L, i, &key); i++) {
    if (try_key(L, trials, search, key)) {
      lua_pushvalue(L, -3);
      lua_setfield(L, -2, "key");
      return 1;
    }
    lua_pop(L, 2);
  }
  return 0;
}

/* A key that opens it says more than one that signs it. */
static void ticket_push_by_key(lua_State *L, const ticket_search *search, int plan) {
  lua_settop(L, plan);
  rs_ticket_trials *trials = ticket_push_trials(L);
  ticket_read_places(L, plan, trials);
  if (rs_option_push(L, plan, "keys") == LUA_TNIL)
    return;
  if (!lua_istable(L, -1))
    rs_option_wrong(L, plan, "keys", "table");
  if (!ticket_try_keys(L, trials, search, ticket_try_to_open) &&
      !ticket_try_keys(L, trials, search, ticket_try_to_sign))
    lua_pushnil(L);
}

void rs_push_ticket_find(lua_State *L, const rs_session_parts *parts, rs_bytes ticket, int plan) {
  static const char *const names[] = {"keys", "offsets", NULL};
  const size_t offset = rs_find_bytes(ticket, parts->secret);
  const int has_plan = !lua_isnoneornil(L, plan);
  if (has_plan) {
    luaL_checktype(L, plan, LUA_TTABLE);
    rs_options_check(L, plan, names);
  }
  if (offset != RS_NOWHERE) {
    lua_newtable(L);
    rs_set_string(L, "how", "clear");
    rs_set_integer(L, "offset", (lua_Integer)offset);
  } else if (has_plan) {
    ticket_push_by_key(L, &(ticket_search){ticket, parts->secret}, plan);
  } else {
    lua_pushnil(L);
  }
}

void rs_push_ticket_compared(lua_State *L, const rs_session_parts *parts,
                             const rs_session_parts *other) {
  const size_t offset =
      rs_find_keystream(parts->ticket, parts->secret, other->ticket, other->secret);
  const int same =
      parts->secret.length > 0 && parts->secret.length == other->secret.length &&
      CRYPTO_memcmp(parts->secret.bytes, other->secret.bytes, parts->secret.length) == 0;
  if (offset == RS_NOWHERE && !same) {
    lua_pushnil(L);
    return;
  }
  lua_newtable(L);
  rs_set_string(L, "how", same ? "same_secret" : "keystream");
  if (!same)
    rs_set_integer(L, "offset", (lua_Integer)offset);
}
