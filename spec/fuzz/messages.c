/* Fuzzes the readers of hello.c, the judgements of server_hello_check.c and resum.parse with
 * messages that nobody has looked at. The first byte chooses; two messages stand behind the length
 * of the first.
 */
#include "fuzz.h"

#include "lua/facts.h"
#include "tls/hello.h"
#include "tls/numbers.h"
#include "tls/server_hello_check.h"
#include "tls/transcript.h"

#include <stdlib.h>

static void parse(rs_bytes bytes) {
  lua_State *L = fuzz_state();
  lua_getfield(L, 1, "parse");
  lua_pushlstring(L, (const char *)bytes.bytes, bytes.length);
  fuzz_call(L, 1, 1);
}

/* A list of extensions that has been read has each one where a search looks for it. */
static void search(rs_bytes extensions) {
  rs_reader list = rs_reader_of(extensions.bytes, extensions.length), body, found;
  unsigned type;
  while (rs_extension_next(&list, &type, &body))
    fuzz_check(rs_extension_find(extensions, type, &found), "an extension that can't be found");
}

static void read_all(rs_reader body) {
  rs_client_hello client;
  rs_server_hello server;
  rs_encrypted_extensions extensions;
  rs_new_session_ticket ticket;
  rs_bytes leaf;
  if (rs_read_client_hello(body, &client))
    search(client.extensions);
  if (rs_read_server_hello(body, &server))
    search(server.extensions);
  if (rs_read_encrypted_extensions(body, &extensions))
    search(extensions.extensions);
  rs_read_new_session_ticket(body, RS_TLS12, &ticket);
  rs_read_new_session_ticket(body, RS_TLS13, &ticket);
  rs_read_leaf(body, RS_TLS12, &leaf);
  rs_read_leaf(body, RS_TLS13, &leaf);
  rs_read_key_exchange_group(body);
}

/* The second ClientHello is read again, and says what it was told. */
static void write_second(rs_reader first, const rs_server_hello *retry) {
  const unsigned char share[32] = {9};
  const rs_key_share key_share = {retry->group, {share, sizeof share}};
  const rs_hello_changes changes = {&key_share, retry->cookie, retry->cipher};
  const size_t size = first.left + retry->cookie.length + sizeof share + 64;
  unsigned char *room = (unsigned char *)malloc(size);
  rs_writer w = rs_writer_of(room, size);
  rs_client_hello before, after;
  if (rs_write_second_client_hello(&w, first, &changes)) {
    rs_reader written = rs_reader_of(room, w.used);
    rs_read_bytes(&written, RS_MESSAGE_HEADER);
    fuzz_check(rs_read_client_hello(first, &before) && rs_read_client_hello(written, &after),
               "a second ClientHello that can't be read");
    fuzz_check(!after.early_data, "a second ClientHello with early data");
    fuzz_check(after.psk_identities == before.psk_identities, "another number of PSKs");
  }
  free(room);
}

static void judge(rs_reader ours, rs_reader theirs) {
  rs_client_hello client;
  rs_server_hello server;
  rs_encrypted_extensions extensions;
  if (!rs_read_client_hello(ours, &client))
    return;
  if (rs_read_encrypted_extensions(theirs, &extensions))
    rs_encrypted_extensions_misfit(&client, &extensions);
  if (!rs_read_server_hello(theirs, &server))
    return;
  rs_server_hello_misfit(&client, &server);
  rs_retry_misfit(&client, &server);
  rs_psk_misfit(&client, &server);
  write_second(ours, &server);
}

/* Facts of a connection's messages, each behind a byte for its side and kind and its length. */
static void tell(rs_reader r) {
  lua_State *L = fuzz_state();
  rs_transcript t = {0};
  while (r.left > 0) {
    const unsigned kind = rs_read_u8(&r);
    rs_reader message = rs_read_vector(&r, 2);
    rs_transcript_add(&t, (kind & 1) != 0, kind & 2 ? RS_ALERT : RS_HANDSHAKE, message.at,
                      message.left);
  }
  lua_newtable(L);
  rs_facts_set(L, &t);
  rs_facts_push_messages(L, &t);
  rs_facts_push_alert(L, &t);
  rs_transcript_free(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  rs_reader r = rs_reader_of(data, size);
  switch (rs_read_u8(&r) % 4) {
  case 0:
    parse((rs_bytes){r.at, r.left});
    break;
  case 1:
    read_all(r);
    break;
  case 3:
    tell(r);
    break;
  default: {
    rs_reader ours = rs_read_vector(&r, 2);
    if (!r.bad)
      judge(ours, r);
  }
  }
  return 0;
}
