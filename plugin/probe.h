/* The raw resumption handshake, shared by its parts: probe.c (the Lua class), flow.c (records in,
 * messages out), resume12.c and resume13.c (what each version says).
 */
#ifndef RESUM_PROBE_H
#define RESUM_PROBE_H

#include "buffer.h"
#include "der.h"
#include "hello.h"
#include "record.h"
#include "transcript.h"

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
  const char *message,
      *code;           /* of a failure; static strings, or message is NULL and the alert says it */
  unsigned version;    /* of the session */
  unsigned cipher;     /* of the session up to TLS 1.2; negotiated in TLS 1.3 */
  rs_hash hash;        /* of the PRF or the key schedule */
  int hello_is_proof;  /* decide at the ServerHello */
  int wants_tickets;   /* go on reading after the handshake */
  int finished;        /* both Finished have passed: the server has proved it */
  int said_goodbye;    /* close_notify was asked for */
  uint32_t lifetime_s; /* of the session, up to TLS 1.2 */
  int eof, retried, early_data_sent, early_data_accepted, encrypt_then_mac;
  int extended_master_secret, ems_echoed; /* of the session; in the ServerHello */
  int owes_change_cipher_spec;            /* TLS 1.3: to middleboxes, before the second flight */
  rs_probe_promise promise;               /* up to TLS 1.2: of the ServerHello, as the next two */
  unsigned server_cipher;
  int ticket_announced; /* and not come yet */
  unsigned char client_random[RS_RANDOM], server_random[RS_RANDOM];
  rs_buffer in, messages, out; /* records, handshake messages of several records, what to send */
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
  EVP_PKEY *key;            /* owned: of the key share; NULL for the base point */
  unsigned group;           /* of the key share */
  int selected;             /* the PSK that the server chose */
  unsigned char client_secret[RS_MAX_HASH],
      server_secret[RS_MAX_HASH]; /* traffic secrets of the handshake */
  unsigned char master_secret[RS_MAX_HASH];
  unsigned char resumption_secret[RS_MAX_HASH];
} rs_probe;

/* --- flow.c --- */

/* What goes wrong: the state, and the alert where it is not negative. Returns 0. */
int rs_probe_fail(rs_probe *p, const char *code, const char *message, int alert);
int rs_probe_out_of_memory(rs_probe *p);
/* Ends a handshake in which the server does not resume. Returns 1. */
int rs_probe_refuse(rs_probe *p);
/* Sends a handshake message, which goes into the transcript first; an alert; one byte of
 * change_cipher_spec. */
int rs_probe_send_message(rs_probe *p, rs_bytes message);
int rs_probe_send_alert(rs_probe *p, int level, int description);
int rs_probe_send_change_cipher_spec(rs_probe *p);
int rs_probe_send(rs_probe *p, unsigned content, rs_bytes bytes);
/* Hash of the handshake messages so far; the first ClientHello as RFC 8446, section 4.4.1, wants it
 * after a HelloRetryRequest. */
int rs_probe_transcript_hash(rs_probe *p, rs_hash hash, unsigned char *out);
/* Takes in what the peer sent, as far as it goes. */
void rs_probe_feed(rs_probe *p, rs_bytes bytes);
void rs_probe_end_of_stream(rs_probe *p);

/* --- resume12.c, resume13.c: each handles a whole message (with its header) and returns 0 once it
 * has failed --- */

int rs_resume12_on_message(rs_probe *p, unsigned type, rs_bytes message);
int rs_resume12_on_change_cipher_spec(rs_probe *p);

int rs_resume13_on_message(rs_probe *p, unsigned type, rs_bytes message);
/* Writes the binders over the zeros in the ClientHello (RFC 8446, section 4.2.11.2), where it has
 * any to write. */
int rs_resume13_write_binders(rs_probe *p, unsigned char *hello, size_t length);
/* Sends early data right behind the ClientHello. */
int rs_resume13_send_early_data(rs_probe *p, rs_bytes data);
/* The parts of the session that the ticket in `body` gives. `psk` holds the secret. Returns 0 for
 * no ticket. */
int rs_resume13_ticket_parts(rs_probe *p, rs_reader body, unsigned char *psk,
                             rs_session_parts *parts);
/* A key pair for a group in place of the base point. Returns 0 when libcrypto knows no such group.
 */
int rs_resume13_new_key(rs_probe *p, unsigned group);
/* The public value of the key share; `room` holds RS_MAX_SHARE. Returns its length, 0 on failure.
 */
enum { RS_MAX_SHARE = 133 };
size_t rs_resume13_share(const rs_probe *p, unsigned char *room);

#endif
