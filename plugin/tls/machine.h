/* The state of a raw resumption handshake, a machine: bytes in, bytes out. Its parts share it:
 * start.c (the ClientHello), flow.c (records in, messages out), resume12.c and resume13.c (what
 * each version says) and send.c (what goes out).
 */
#ifndef RESUM_TLS_MACHINE_H
#define RESUM_TLS_MACHINE_H

#include "buffer.h"
#include "numbers.h"
#include "record.h"
#include "schedule.h"
#include "share.h"
#include "transcript.h"
#include "violations.h"

enum { RS_MAX_IDENTITIES = 16 };

typedef enum {
  RS_PROBE_WANT,
  RS_PROBE_ESTABLISHED,
  RS_PROBE_REFUSED, /* the server began a full handshake instead */
  RS_PROBE_CLOSED,
  RS_PROBE_FAILED
} rs_probe_state;

typedef enum {
  RS_EXPECT_SERVER_HELLO,
  RS_EXPECT_ANSWER, /* up to TLS 1.2: NewSessionTicket, ChangeCipherSpec, or a full handshake's
                       Certificate */
  RS_EXPECT_CHANGE_CIPHER_SPEC,
  RS_EXPECT_ENCRYPTED_EXTENSIONS,
  RS_EXPECT_FINISHED,
  RS_EXPECT_NOTHING, /* what comes is thrown away unread */
  RS_EXPECT_TICKETS
} rs_probe_expect;

/* What the ServerHello up to TLS 1.2 lets hope for. */
typedef enum { RS_PROMISE_NONE, RS_PROMISE_UNKNOWN, RS_PROMISE_GIVEN } rs_probe_promise;

/* One offered PSK. */
typedef struct {
  rs_hash hash;
  unsigned cipher;
  rs_psk_schedule schedule;
} rs_probe_psk;

typedef struct {
  rs_tools *tools; /* borrowed: of the Lua state */
  rs_probe_state state;
  rs_probe_expect expect;
  /* Of a failure; static strings, or message is NULL and the alert says it. */
  const char *message, *code;
  rs_violation violation; /* with the code "protocol_error" */
  unsigned version;       /* of the session */
  unsigned cipher;        /* of the session up to TLS 1.2; negotiated in TLS 1.3 */
  rs_hash hash;           /* of the PRF or the key schedule */
  int hello_is_proof;     /* decide at the ServerHello */
  int wants_tickets;      /* go on reading after the handshake */
  int wants_data;         /* and keep what is said inside TLS */
  int finished;           /* both Finished have passed: the server has proved it */
  int said_goodbye;       /* close_notify was asked for */
  uint32_t lifetime_s;    /* of the session, up to TLS 1.2 */
  int eof, retried, early_data_sent, early_data_accepted, encrypt_then_mac;
  int extended_master_secret, ems_echoed; /* of the session; in the ServerHello */
  int owes_change_cipher_spec;            /* TLS 1.3: to middleboxes, before the second flight */
  rs_probe_promise promise;               /* up to TLS 1.2: of the ServerHello, as the next two */
  unsigned server_cipher;
  int ticket_announced; /* and not come yet */
  unsigned char client_random[RS_RANDOM], server_random[RS_RANDOM];
  rs_buffer in, messages, out; /* records, handshake messages of several records, what to send */
  rs_buffer data;              /* what the server said inside TLS, where that is wanted */
  size_t bytes_in, bytes_out, max_bytes;
  unsigned idle_records; /* that said nothing */
  size_t behind;         /* bytes behind the message at hand, under the same keys */
  rs_transcript transcript;
  rs_protection reading, writing;

  unsigned char secret[RS_MAX_SECRET]; /* up to TLS 1.2: the master secret */
  size_t secret_length;

  rs_probe_psk *psks; /* owned; TLS 1.3 */
  size_t psk_count;
  int binds, alters_binder; /* writes binders of its own; the last one wrong */
  size_t unbound;           /* the last PSKs, which have no binder */
  int keeps_age;            /* the ages of tickets are the caller's, and not to be true */
  uint32_t elapsed_ms;      /* since the first ClientHello was made, as the caller says */
  rs_share share;
  int selected; /* the PSK that the server chose */
  rs_handshake_secrets secrets;
  unsigned char resumption_secret[RS_MAX_HASH];
} rs_probe;

#endif
