/* Reads and writes DER's elements (X.690, definite lengths). Pure: it knows no structure that is
 * made of them. Lengths that it writes always take three bytes; readers of DER take that, as d2i
 * does.
 */
#include "asn1.h"

enum { LENGTH_IN_3_BYTES = 0x83 };

/* --- reading --- */

rs_reader rs_asn1_read(rs_reader *r, unsigned *tag) {
  *tag = rs_read_u8(r);
  size_t length = rs_read_u8(r);
  if (length == 0x81 || length == 0x82 || length == LENGTH_IN_3_BYTES)
    length = rs_read_number(r, length & 3);
  else if (length >= 0x80)
    r->bad = 1;
  const unsigned char *p = rs_read_bytes(r, length);
  rs_reader inner = {p, p ? length : 0, r->bad};
  return inner;
}

uint32_t rs_asn1_read_integer(rs_reader outer) {
  unsigned tag;
  rs_reader value = rs_asn1_read(&outer, &tag);
  uint32_t n = 0;
  while (value.left > 0)
    n = (n << 8) | rs_read_u8(&value);
  return n;
}

/* --- writing --- */

size_t rs_asn1_open(rs_writer *w, unsigned tag) {
  rs_write_number(w, tag, 1);
  rs_write_number(w, LENGTH_IN_3_BYTES, 1);
  return rs_write_open(w, 3);
}

void rs_asn1_close(rs_writer *w, size_t mark) {
  rs_write_close(w, mark, 3);
}

void rs_asn1_write_integer(rs_writer *w, uint64_t value) {
  unsigned width = 1;
  while (width < 8 && (value >> (8 * width)) != 0)
    width++;
  const int sign = ((value >> (8 * width - 1)) & 1) != 0; /* a leading zero keeps it positive */
  size_t mark = rs_asn1_open(w, RS_ASN1_INTEGER);
  if (sign)
    rs_write_number(w, 0, 1);
  for (unsigned i = width; i-- > 0;)
    rs_write_number(w, (uint32_t)(value >> (8 * i)) & 0xff, 1);
  rs_asn1_close(w, mark);
}

void rs_asn1_write_octets(rs_writer *w, rs_bytes value) {
  size_t mark = rs_asn1_open(w, RS_ASN1_OCTETS);
  rs_write_bytes(w, value.bytes, value.length);
  rs_asn1_close(w, mark);
}
