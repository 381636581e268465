/* spec.support.keys: crypto.c, schedule.c, suites.c and record.c as Lua functions, so that specs
 * compare them with published vectors and servers of specs can answer with them; what such a server
 * needs beside them, a signature and ciphers for its tickets; and a key of the spec's own for a
 * probe, which draws its own otherwise. It judges nothing and keeps nothing but keys.
 */
#include "lua/options.h"
#include "tls/names.h"
#include "tls/numbers.h"
#include "tls/send.h"

#include <string.h>

#include <openssl/evp.h>
#include <openssl/pem.h>

#define TOOLS "spec.keys.tools"
#define PROTECTION "spec.keys.protection"

/* The tools of this module: an upvalue of every function. */
static rs_tools *tools_of(lua_State *L) {
  return (rs_tools *)lua_touserdata(L, lua_upvalueindex(1));
}

static int tools_gc(lua_State *L) {
  rs_tools_close((rs_tools *)luaL_checkudata(L, 1, TOOLS));
  return 0;
}

static rs_bytes check_bytes(lua_State *L, int arg) {
  size_t length;
  const char *bytes = luaL_checklstring(L, arg, &length);
  return (rs_bytes){(const unsigned char *)bytes, length};
}

static rs_hash check_hash(lua_State *L, int arg) {
  static const char *const names[] = {"sha256", "sha384", "sha1", "md5", "md5_sha1", NULL};
  return (rs_hash)luaL_checkoption(L, arg, NULL, names);
}

static int push_result(lua_State *L, int good, const unsigned char *bytes, size_t length) {
  if (!good)
    return luaL_error(L, "libcrypto failed");
  lua_pushlstring(L, (const char *)bytes, length);
  return 1;
}

/*** @function digest
 * @tparam string hash "sha256", "sha384", "sha1", "md5" or "md5_sha1", here and below
 * @tparam string data */
static int keys_digest(lua_State *L) {
  unsigned char out[RS_MAX_HASH];
  const rs_hash hash = check_hash(L, 1);
  return push_result(L, rs_digest(tools_of(L), hash, check_bytes(L, 2), out), out,
                     rs_hash_length(hash));
}

/*** @function hmac(hash, key, data) */
static int keys_hmac(lua_State *L) {
  unsigned char out[RS_MAX_HASH];
  const rs_hash hash = check_hash(L, 1);
  const rs_bytes data = check_bytes(L, 3);
  return push_result(L, rs_hmac(tools_of(L), hash, check_bytes(L, 2), &data, 1, out), out,
                     rs_hash_length(hash));
}

/*** @function prf(hash, secret, label, seed, length) */
static int keys_prf(lua_State *L) {
  unsigned char out[1024];
  const size_t length = (size_t)luaL_checkinteger(L, 5);
  luaL_argcheck(L, length <= sizeof out, 5, "at most 1024 bytes");
  return push_result(L,
                     rs_prf(tools_of(L), check_hash(L, 1), check_bytes(L, 2),
                            luaL_checkstring(L, 3), check_bytes(L, 4), out, length),
                     out, length);
}

/*** @function extract(hash, salt, key) */
static int keys_extract(lua_State *L) {
  unsigned char out[RS_MAX_HASH];
  const rs_hash hash = check_hash(L, 1);
  return push_result(L,
                     rs_hkdf_extract(tools_of(L), hash, check_bytes(L, 2), check_bytes(L, 3), out),
                     out, rs_hash_length(hash));
}

/*** @function expand_label(hash, secret, label, context, length) */
static int keys_expand_label(lua_State *L) {
  unsigned char out[RS_MAX_HASH];
  const rs_hash hash = check_hash(L, 1);
  const rs_bytes secret = check_bytes(L, 2);
  const lua_Integer length = luaL_checkinteger(L, 5);
  luaL_argcheck(L, secret.length == rs_hash_length(hash), 2, "a secret has its hash's length");
  return push_result(L,
                     rs_hkdf_expand_label(tools_of(L), hash, secret.bytes, luaL_checkstring(L, 3),
                                          check_bytes(L, 4), out, (size_t)length),
                     out, (size_t)length);
}

/* --- key exchange --- */

static EVP_PKEY *private_key(lua_State *L, const char *group, rs_bytes bytes) {
  EVP_PKEY *key = NULL;
  if (strcmp(group, "x25519") == 0) {
    key = EVP_PKEY_new_raw_private_key_ex(NULL, "X25519", NULL, bytes.bytes, bytes.length);
  } else if (strcmp(group, "secp256r1") == 0) {
    unsigned char little_endian[32];
    char curve[] = "P-256";
    luaL_argcheck(L, bytes.length == sizeof little_endian, 2, "32 bytes expected");
    for (size_t i = 0; i < sizeof little_endian; i++)
      little_endian[i] = bytes.bytes[sizeof little_endian - 1 - i];
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string("group", curve, 0),
        OSSL_PARAM_construct_BN("priv", little_endian, sizeof little_endian),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY_CTX *maker = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    if (!maker || EVP_PKEY_fromdata_init(maker) <= 0 ||
        EVP_PKEY_fromdata(maker, &key, EVP_PKEY_KEYPAIR, parameters) <= 0)
      key = NULL;
    EVP_PKEY_CTX_free(maker);
  }
  if (!key)
    luaL_error(L, "no private key of %s", group);
  return key;
}

/*** The shared secret of an own private key and a peer's public value, as a TLS key share has it.
 * @function exchange
 * @tparam string group "x25519" or "secp256r1"
 * @tparam string private
 * @tparam string public */
static int keys_exchange(lua_State *L) {
  unsigned char out[66];
  size_t length = sizeof out;
  const rs_bytes share = check_bytes(L, 3);
  EVP_PKEY *own = private_key(L, luaL_checkstring(L, 1), check_bytes(L, 2));
  EVP_PKEY *peer = EVP_PKEY_new();
  EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, own, NULL);
  int good = peer && ctx && EVP_PKEY_copy_parameters(peer, own) &&
             EVP_PKEY_set1_encoded_public_key(peer, share.bytes, share.length) &&
             EVP_PKEY_derive_init(ctx) > 0 && EVP_PKEY_derive_set_peer(ctx, peer) > 0 &&
             EVP_PKEY_derive(ctx, out, &length) > 0;
  EVP_PKEY_CTX_free(ctx);
  EVP_PKEY_free(peer);
  EVP_PKEY_free(own);
  return push_result(L, good, out, length);
}

/*** The X25519 public value of a private key (RFC 7748, section 6.1).
 * @function public(private) */
static int keys_public(lua_State *L) {
  unsigned char out[32];
  size_t length = sizeof out;
  EVP_PKEY *key = private_key(L, "x25519", check_bytes(L, 1));
  int good = EVP_PKEY_get_raw_public_key(key, out, &length);
  EVP_PKEY_free(key);
  return push_result(L, good, out, length);
}

static rs_probe *check_probe(lua_State *L) {
  return (rs_probe *)luaL_checkudata(L, 1, "resum.probe");
}

/*** Gives a probe this private key in the place of its own; its ClientHello is written already.
 * @function give(probe, group, private) */
static int keys_give(lua_State *L) {
  rs_probe *p = check_probe(L);
  EVP_PKEY *key = private_key(L, luaL_checkstring(L, 2), check_bytes(L, 3));
  EVP_PKEY_free(p->share.key);
  p->share.key = key;
  p->share.group = rs_group_number(luaL_checkstring(L, 2));
  return 0;
}

/*** Lets a probe send application data, which it never does by itself.
 * @function send(probe, bytes)
 * @treturn string what goes out */
static int keys_send(lua_State *L) {
  rs_probe *p = check_probe(L);
  p->out.used = 0;
  if (!rs_probe_send(p, RS_APPLICATION_DATA, check_bytes(L, 2)))
    return luaL_error(L, "the probe can't send");
  lua_pushlstring(L, (const char *)p->out.bytes, p->out.used);
  p->out.used = 0;
  return 1;
}

/* --- what a server needs beside: a signature, and ciphers for tickets --- */

/*** A signature with SHA-256.
 * @function sign
 * @tparam string key PEM
 * @tparam string bytes */
static int keys_sign(lua_State *L) {
  unsigned char out[1024];
  size_t length = sizeof out;
  const rs_bytes pem = check_bytes(L, 1), bytes = check_bytes(L, 2);
  BIO *bio = BIO_new_mem_buf(pem.bytes, (int)pem.length);
  EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;
  EVP_MD_CTX *ctx = EVP_MD_CTX_new();
  int good = key && ctx && EVP_DigestSignInit_ex(ctx, NULL, "SHA256", NULL, NULL, key, NULL) > 0 &&
             EVP_DigestSign(ctx, out, &length, bytes.bytes, bytes.length) > 0;
  EVP_MD_CTX_free(ctx);
  EVP_PKEY_free(key);
  BIO_free(bio);
  return push_result(L, good, out, length);
}

/*** Encrypts or decrypts, without padding.
 * @function crypt
 * @tparam string cipher libcrypto's name, such as "AES-256-CBC"
 * @tparam string key
 * @tparam string iv
 * @tparam string bytes
 * @tparam boolean encrypts */
static int keys_crypt(lua_State *L) {
  int length = 0, good = 0;
  const rs_bytes key = check_bytes(L, 2), iv = check_bytes(L, 3), bytes = check_bytes(L, 4);
  unsigned char *out =
      (unsigned char *)lua_newuserdatauv(L, bytes.length + EVP_MAX_BLOCK_LENGTH, 0);
  EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, luaL_checkstring(L, 1), NULL);
  EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
  if (cipher && ctx && (size_t)EVP_CIPHER_get_key_length(cipher) == key.length &&
      (size_t)EVP_CIPHER_get_iv_length(cipher) == iv.length)
    good = EVP_CipherInit_ex2(ctx, cipher, key.bytes, iv.bytes, lua_toboolean(L, 5), NULL) > 0 &&
           EVP_CIPHER_CTX_set_padding(ctx, 0) > 0 &&
           EVP_CipherUpdate(ctx, out, &length, bytes.bytes, (int)bytes.length) > 0;
  EVP_CIPHER_CTX_free(ctx);
  EVP_CIPHER_free(cipher);
  return push_result(L, good && (size_t)length == bytes.length, out, bytes.length);
}

/* --- records --- */

static rs_protection *check_protection(lua_State *L) {
  return (rs_protection *)luaL_checkudata(L, 1, PROTECTION);
}

static void copy_field(lua_State *L, const char *name, unsigned char *room, size_t size) {
  size_t length = 0;
  lua_getfield(L, 1, name);
  const char *bytes = luaL_optlstring(L, -1, "", &length);
  luaL_argcheck(L, length <= size, 1, name);
  memcpy(room, bytes, length);
  lua_pop(L, 1);
}

/*** One direction of a connection.
 * @function protection
 * @tparam table fields version ("TLSv1.2"), cipher (IANA name or number; nil: plaintext), key, iv,
 *   mac_key, encrypt_then_mac */
static int keys_protection(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  rs_protection *p = (rs_protection *)lua_newuserdatauv(L, sizeof *p, 0);
  memset(p, 0, sizeof *p);
  luaL_setmetatable(L, PROTECTION);
  p->version = rs_option_version(L, 1, "version", RS_TLS12);
  const unsigned cipher = rs_option_cipher(L, 1, "cipher", 0);
  p->suite = cipher ? rs_suite_find(cipher) : NULL;
  luaL_argcheck(L, !cipher || p->suite, 1, "a suite of suites.c expected");
  p->encrypt_then_mac = rs_option_boolean(L, 1, "encrypt_then_mac", 0);
  copy_field(L, "key", p->key, sizeof p->key);
  copy_field(L, "iv", p->iv, sizeof p->iv);
  copy_field(L, "mac_key", p->mac_key, sizeof p->mac_key);
  return 1;
}

/*** @function protection:seal
 * @tparam integer content
 * @tparam string plain
 * @treturn string a record */
static int protection_seal(lua_State *L) {
  rs_protection *p = check_protection(L);
  const rs_bytes plain = check_bytes(L, 3);
  unsigned char *room = (unsigned char *)lua_newuserdatauv(L, plain.length + RS_RECORD_OVERHEAD, 0);
  rs_writer w = rs_writer_of(room, plain.length + RS_RECORD_OVERHEAD);
  int good = rs_seal(tools_of(L), p, (unsigned)luaL_checkinteger(L, 2), plain, &w);
  return push_result(L, good, room, w.used);
}

/*** @function protection:open
 * @tparam string record
 * @treturn[1] integer content
 * @treturn[1] string plain
 * @treturn[2] nil where it is not authentic */
static int protection_open(lua_State *L) {
  rs_protection *p = check_protection(L);
  const rs_bytes record = check_bytes(L, 2);
  luaL_argcheck(L, record.length >= RS_RECORD_HEADER, 2, "a record expected");
  unsigned char *room = (unsigned char *)lua_newuserdatauv(L, record.length, 0);
  memcpy(room, record.bytes, record.length);
  unsigned content = room[0];
  rs_bytes plain = {NULL, 0};
  if (!rs_open(tools_of(L), p, &content, room + RS_RECORD_HEADER, record.length - RS_RECORD_HEADER,
               &plain))
    return 0;
  lua_pushinteger(L, content);
  lua_pushlstring(L, plain.length ? (const char *)plain.bytes : "", plain.length);
  return 2;
}

/*** What a suite is made of.
 * @function suite
 * @tparam string|integer cipher
 * @tparam string version
 * @treturn table hash (of the PRF or the key schedule), key_length, iv_length, mac_key_length */
static int keys_suite(lua_State *L) {
  static const char *const names[] = {"sha256", "sha384", "sha1", "md5", "md5_sha1"};
  const unsigned version = rs_version_number(luaL_checkstring(L, 2));
  const rs_suite *suite = rs_suite_find(rs_number_at(L, 1, rs_cipher_number));
  luaL_argcheck(L, suite, 1, "a suite of suites.c expected");
  const rs_hash hash = version < RS_TLS12 ? RS_MD5_SHA1 : (rs_hash)suite->hash;
  lua_newtable(L);
  lua_pushstring(L, names[hash]);
  lua_setfield(L, -2, "hash");
  lua_pushinteger(L, suite->key_length);
  lua_setfield(L, -2, "key_length");
  lua_pushinteger(L, (lua_Integer)rs_iv_length(suite, version));
  lua_setfield(L, -2, "iv_length");
  lua_pushinteger(L, (lua_Integer)rs_mac_key_length(suite));
  lua_setfield(L, -2, "mac_key_length");
  return 1;
}

/* --- the transcript --- */

/*** Hash of handshake messages, as plugin/tls/transcript.c takes it: after a HelloRetryRequest the
 * first ClientHello is replaced (RFC 8446, section 4.4.1).
 * @function transcript_hash(hash, {message,...})
 * @treturn string|nil */
static int keys_transcript_hash(lua_State *L) {
  unsigned char out[RS_MAX_HASH];
  rs_transcript t = {0};
  const rs_hash hash = check_hash(L, 1);
  luaL_checktype(L, 2, LUA_TTABLE);
  for (lua_Integer i = 1; lua_rawgeti(L, 2, i) == LUA_TSTRING; i++, lua_pop(L, 1)) {
    const rs_bytes message = check_bytes(L, -1);
    /* only a ServerHello's side matters: it may be a HelloRetryRequest */
    rs_transcript_add(&t, message.length > 0 && message.bytes[0] == RS_SERVER_HELLO, RS_HANDSHAKE,
                      message.bytes, message.length);
  }
  int good = rs_transcript_hash(&t, tools_of(L), hash, out);
  rs_transcript_free(&t);
  return good ? push_result(L, 1, out, rs_hash_length(hash)) : 0;
}

static const luaL_Reg functions[] = {
    {"digest", keys_digest},
    {"hmac", keys_hmac},
    {"prf", keys_prf},
    {"extract", keys_extract},
    {"expand_label", keys_expand_label},
    {"exchange", keys_exchange},
    {"public", keys_public},
    {"give", keys_give},
    {"send", keys_send},
    {"sign", keys_sign},
    {"crypt", keys_crypt},
    {"protection", keys_protection},
    {"suite", keys_suite},
    {"transcript_hash", keys_transcript_hash},
    {NULL, NULL},
};

static const luaL_Reg methods[] = {
    {"seal", protection_seal}, {"open", protection_open}, {NULL, NULL}};

__attribute__((visibility("default"))) int luaopen_spec_support_keys(lua_State *L);

int luaopen_spec_support_keys(lua_State *L) {
  rs_tools *tools = (rs_tools *)lua_newuserdatauv(L, sizeof *tools, 0);
  memset(tools, 0, sizeof *tools);
  luaL_newmetatable(L, TOOLS);
  lua_pushcfunction(L, tools_gc);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  rs_tools_open(tools);
  luaL_newmetatable(L, PROTECTION);
  lua_newtable(L);
  lua_pushvalue(L, -3);
  luaL_setfuncs(L, methods, 1);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  luaL_newlibtable(L, functions);
  lua_pushvalue(L, -2);
  luaL_setfuncs(L, functions, 1);
  return 1;
}
