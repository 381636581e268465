/* What a server may do against the protocol: for each a code, which programs go by, a sentence for
 * people, and the alert that says so to the server (-1: none). A table, and nothing else.
 */
#include "violations.h"

#include "numbers.h"

#include <stddef.h>

typedef struct {
  const char *code, *message;
  int alert;
} violations_row;

static const violations_row rows[] = {
    [RS_NO_VIOLATION] = {NULL, NULL, -1},
    [RS_VIOLATION_ALERT_LENGTH] = {"alert_length", "an alert has two bytes", RS_ALERT_DECODE_ERROR},
    [RS_VIOLATION_ALERT_LEVEL] = {"alert_level", "an alert that is neither a warning nor fatal",
                                  RS_ALERT_ILLEGAL_PARAMETER},
    [RS_VIOLATION_MESSAGE_LENGTH] = {"message_length", "a handshake message is too long",
                                     RS_ALERT_DECODE_ERROR},
    [RS_VIOLATION_IDLE_RECORDS] = {"idle_records", "too many records that say nothing",
                                   RS_ALERT_UNEXPECTED_MESSAGE},
    [RS_VIOLATION_CHANGE_CIPHER_SPEC] = {"change_cipher_spec", "a change_cipher_spec is one byte",
                                         RS_ALERT_ILLEGAL_PARAMETER},
    [RS_VIOLATION_CHANGE_CIPHER_SPEC_PLACE] = {"change_cipher_spec_place",
                                               "a change_cipher_spec that has no place here",
                                               RS_ALERT_UNEXPECTED_MESSAGE},
    [RS_VIOLATION_CHANGE_CIPHER_SPEC_PROTECTED] = {"change_cipher_spec_protected",
                                                   "a protected change_cipher_spec",
                                                   RS_ALERT_UNEXPECTED_MESSAGE},
    [RS_VIOLATION_EMPTY_RECORD] = {"empty_record", "a handshake record is empty",
                                   RS_ALERT_UNEXPECTED_MESSAGE},
    [RS_VIOLATION_RECORD_PLACE] = {"record_place", "a record of a type that has no place here",
                                   RS_ALERT_UNEXPECTED_MESSAGE},
    [RS_VIOLATION_RECORD_IN_CLEAR] = {"record_in_clear",
                                      "a record in the clear among protected ones",
                                      RS_ALERT_UNEXPECTED_MESSAGE},
    [RS_VIOLATION_RECORD_MAC] = {"record_mac", "a record is not authentic",
                                 RS_ALERT_BAD_RECORD_MAC},
    [RS_VIOLATION_RECORD_LENGTH] = {"record_length", "a record is too long",
                                    RS_ALERT_RECORD_OVERFLOW},
    [RS_VIOLATION_NOT_TLS] = {"not_tls", "the peer's bytes are not TLS", -1},
    [RS_VIOLATION_MESSAGE_PLACE] = {"message_place", "a handshake message that has no place here",
                                    RS_ALERT_UNEXPECTED_MESSAGE},
    [RS_VIOLATION_MESSAGE_BEHIND_KEYS] = {"message_behind_keys",
                                          "something stands behind a message that changes keys",
                                          RS_ALERT_UNEXPECTED_MESSAGE},
    [RS_VIOLATION_SERVER_HELLO] = {"server_hello", "a malformed ServerHello",
                                   RS_ALERT_DECODE_ERROR},
    [RS_VIOLATION_ENCRYPTED_EXTENSIONS] = {"encrypted_extensions", "malformed EncryptedExtensions",
                                           RS_ALERT_DECODE_ERROR},
    [RS_VIOLATION_NEW_SESSION_TICKET] = {"new_session_ticket", "a malformed NewSessionTicket",
                                         RS_ALERT_DECODE_ERROR},
    [RS_VIOLATION_FINISHED] = {"finished", "the server's Finished is wrong",
                               RS_ALERT_DECRYPT_ERROR},
    [RS_VIOLATION_CIPHER_CHANGED] = {"cipher_changed",
                                     "the server resumed with another cipher suite",
                                     RS_ALERT_ILLEGAL_PARAMETER},
    [RS_VIOLATION_VERSION_CHANGED] = {"version_changed", "the server resumed in another version",
                                      RS_ALERT_PROTOCOL_VERSION},
    [RS_VIOLATION_EMS_MISMATCH] =
        {"ems_mismatch", "the server resumed, and disagrees on the extended master secret",
         RS_ALERT_HANDSHAKE_FAILURE},
    [RS_VIOLATION_KEY_SHARE_NOT_OFFERED] = {"key_share_not_offered",
                                            "a key share of a group that was not offered",
                                            RS_ALERT_ILLEGAL_PARAMETER},
    [RS_VIOLATION_KEY_SHARE] = {"key_share", "the server's key share is none",
                                RS_ALERT_ILLEGAL_PARAMETER},
    [RS_VIOLATION_KEY_SHARE_MISSING] = {"key_share_missing",
                                        "neither a PSK nor a key share in ServerHello",
                                        RS_ALERT_ILLEGAL_PARAMETER},
    [RS_VIOLATION_SECOND_RETRY] = {"second_retry", "a second HelloRetryRequest",
                                   RS_ALERT_UNEXPECTED_MESSAGE},
    [RS_VIOLATION_RETRY_CHANGED] = {"retry_changed",
                                    "the server chose something else in its HelloRetryRequest",
                                    RS_ALERT_ILLEGAL_PARAMETER},
    [RS_VIOLATION_RETRY_VERSION] = {"retry_version",
                                    "a HelloRetryRequest of another version than TLS 1.3",
                                    RS_ALERT_ILLEGAL_PARAMETER},
    [RS_VIOLATION_RETRY_FOR_NOTHING] = {"retry_for_nothing",
                                        "a HelloRetryRequest that asks for nothing",
                                        RS_ALERT_ILLEGAL_PARAMETER},
    [RS_VIOLATION_RETRY_GROUP] = {"retry_group",
                                  "a HelloRetryRequest asks for a group that was not offered",
                                  RS_ALERT_ILLEGAL_PARAMETER},
    [RS_VIOLATION_RETRY_FOR_SAME] = {"retry_for_same",
                                     "the server asks for the key share that it got",
                                     RS_ALERT_ILLEGAL_PARAMETER},
    [RS_VIOLATION_PSK_SELECTED] = {"psk_selected", "the server selected a PSK that does not fit",
                                   RS_ALERT_ILLEGAL_PARAMETER},
    [RS_VIOLATION_PSK_KE] = {"psk_ke", "the server resumed without a key share",
                             RS_ALERT_MISSING_EXTENSION},
    [RS_VIOLATION_PSK_DHE_KE] = {"psk_dhe_ke", "the server resumed with a key share",
                                 RS_ALERT_ILLEGAL_PARAMETER},
    [RS_VIOLATION_EARLY_DATA] = {"early_data", "early data is accepted that was not sent for this",
                                 RS_ALERT_ILLEGAL_PARAMETER},
    [RS_VIOLATION_EXTENSION_NOT_OFFERED] = {"extension_not_offered",
                                            "the server sent an extension that was not offered",
                                            RS_ALERT_UNSUPPORTED_EXTENSION},
    [RS_VIOLATION_EXTENSION_PLACE] = {"extension_place",
                                      "the server sent an extension in the wrong message",
                                      RS_ALERT_ILLEGAL_PARAMETER},
    [RS_VIOLATION_EXTENSION] = {"extension", "the server sent a malformed extension",
                                RS_ALERT_DECODE_ERROR},
    [RS_VIOLATION_EXTENSION_TWICE] = {"extension_twice", "the server sent an extension twice",
                                      RS_ALERT_ILLEGAL_PARAMETER},
    [RS_VIOLATION_EXTENSIONS] = {"extensions", "the server sent more extensions than are known",
                                 RS_ALERT_ILLEGAL_PARAMETER},
    [RS_VIOLATION_ALPN_NOT_OFFERED] =
        {"alpn_not_offered", "the server chose an application protocol that was not offered",
         RS_ALERT_ILLEGAL_PARAMETER},
    [RS_VIOLATION_VERSION_IN_NEW_PLACE] = {"version_in_new_place",
                                           "the server names an old version in the new way",
                                           RS_ALERT_ILLEGAL_PARAMETER},
    [RS_VIOLATION_VERSION_NOT_OFFERED] = {"version_not_offered",
                                          "the server chose a version that was not offered",
                                          RS_ALERT_PROTOCOL_VERSION},
    [RS_VIOLATION_LEGACY_VERSION] = {"legacy_version",
                                     "the server chose TLS 1.3 with a legacy_version that is none",
                                     RS_ALERT_PROTOCOL_VERSION},
    [RS_VIOLATION_DOWNGRADE] = {"downgrade", "somebody on the way has lowered the version",
                                RS_ALERT_ILLEGAL_PARAMETER},
    [RS_VIOLATION_SESSION_ID_LENGTH] = {"session_id_length",
                                        "the session ID has more than 32 bytes",
                                        RS_ALERT_DECODE_ERROR},
    [RS_VIOLATION_SESSION_ID_ECHO] = {"session_id_echo", "the server does not echo the session ID",
                                      RS_ALERT_ILLEGAL_PARAMETER},
    [RS_VIOLATION_COMPRESSION] = {"compression", "the server chose a compression",
                                  RS_ALERT_ILLEGAL_PARAMETER},
    [RS_VIOLATION_CIPHER_NOT_OFFERED] = {"cipher_not_offered",
                                         "the server chose a cipher suite that was not offered",
                                         RS_ALERT_ILLEGAL_PARAMETER},
    [RS_VIOLATION_RENEGOTIATION] = {"renegotiation", "the server takes this for a renegotiation",
                                    RS_ALERT_ILLEGAL_PARAMETER},
};

const char *rs_violation_code(rs_violation violation) {
  return rows[violation].code;
}

const char *rs_violation_message(rs_violation violation) {
  return rows[violation].message;
}

int rs_violation_alert(rs_violation violation) {
  return rows[violation].alert;
}
